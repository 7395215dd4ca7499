"""`import akm_jax` is quick, and everything in it is there when it is asked for."""

import json
import subprocess
import sys

import pytest

import akm_jax

LOOK = """
import json, sys, time
before = set(sys.modules)
start = time.perf_counter()
import akm_jax
seconds = time.perf_counter() - start
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps({"seconds": seconds, "modules": sorted(new - set(sys.stdlib_module_names))}))
"""


def test_importing_it_loads_nothing_but_itself():
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["modules"] == ["akm_jax"]
    assert found["seconds"] < 0.5  # numpy alone takes a tenth of a second, JAX more than one


@pytest.mark.parametrize("name", akm_jax.__all__)
def test_every_name_is_there(name):
    assert getattr(akm_jax, name) is not None
    assert name in dir(akm_jax)


def test_names_are_what_type_checkers_are_told():
    """The imports for type checkers name the same things from the same places."""
    from akm_jax import _PLACES

    with open(akm_jax.__file__, encoding="utf-8") as file:
        told = file.read().partition("if TYPE_CHECKING:\n")[2].partition("\n\n\n")[0]
    places = {}
    for line in told.splitlines():
        _, module, _, names = line.split(maxsplit=3)
        places |= dict.fromkeys((name.strip() for name in names.split(",")), module)
    assert places == _PLACES


def test_a_name_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(
        AttributeError, match="module 'akm_jax' has no attribute 'run_losos'; it has AKMNet, .*run_loso"
    ):
        _ = akm_jax.run_losos


def test_methods_of_ones_own_need_no_place_in_the_library():
    from akm_jax.methods import find_method, method_names, method_title

    assert method_title("somebody's own") == "somebody's own"
    assert method_title("akmnet") == "AKMNet"
    assert "protocol" not in method_names()
    with pytest.raises(ValueError, match="--method=own: expected one of akmnet"):
        find_method("own")
