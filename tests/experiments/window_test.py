"""The window of a camera, with a stand-in for Tk, and where there is no screen."""

import sys
import types

import numpy as np
import pytest

from experiments.window import Window


class TclError(Exception):
    """As Tk's."""


class Root:
    def __init__(self):
        self.keys, self.updates, self.destroyed = {}, 0, False

    def title(self, _):
        pass

    def protocol(self, _, call):
        self.on_close = call

    def bind(self, key, call):
        self.keys[key] = call

    def update(self):
        self.updates += 1

    def destroy(self):
        self.destroyed = True


class Label:
    def __init__(self, root):
        pass

    def pack(self):
        pass

    def configure(self, image):
        self.image = image


@pytest.fixture
def tk(monkeypatch):
    """Tk as this module uses it; every window is the same root."""
    root = Root()
    fake = types.SimpleNamespace(Tk=lambda: root, TclError=TclError, Label=Label, PhotoImage=lambda data: data)
    monkeypatch.setitem(sys.modules, "tkinter", fake)
    return types.SimpleNamespace(root=root, fake=fake)


@pytest.mark.parametrize("end", [lambda root: root.on_close(), lambda root: root.keys["<q>"](None)])
def test_frames_are_shown_until_the_user_closes_it(tk, end):
    window = Window("camera 0")
    assert window.show(np.zeros((600, 1200, 3), np.uint8))
    assert window._label.image.startswith(b"P6\n960 480\n")
    assert tk.root.updates == 1
    end(tk.root)
    assert tk.root.destroyed
    assert not window.show(np.zeros((600, 1200, 3), np.uint8))
    window.close()


def test_no_screen(tk):
    def no_screen():
        raise TclError("no display name and no $DISPLAY environment variable")

    tk.fake.Tk = no_screen
    with pytest.raises(RuntimeError, match="no display name"):
        Window("camera 0")
