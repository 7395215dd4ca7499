"""Pictures of the documentation, each drawn by one line:

python -m experiments.pictures preparation      docs/preparation.png: a drawn clip, aligned and magnified
python -m experiments.pictures benchmark        docs/benchmark.png, from benchmarks/cpu.json
python -m experiments.pictures benchmark --json=benchmarks/cpu_scaling.json --output=docs/scaling.png
python -m experiments.pictures report           docs/report.png: the page of runs/demo, by Chromium
python -m experiments.pictures demo             README's figures, report.png, key_frames.png: make demo-figures
"""
