"""A window that shows what a camera sees, with Tk: OpenCV's wheels for servers have no windows."""

import cv2
import numpy as np

LARGEST_WIDTH = 960  # pixels


class Window:
    """Open until the user closes it or presses q or Escape."""

    def __init__(self, title: str):
        """Args: what stands above it. Raises ImportError or RuntimeError where there is no Tk or no screen."""
        import tkinter

        try:
            self._root = tkinter.Tk()
        except tkinter.TclError as e:
            raise RuntimeError(str(e)) from e
        self._picture = tkinter.PhotoImage
        self._label = tkinter.Label(self._root)
        self._label.pack()
        self._root.title(title)
        self._open = True
        self._root.protocol("WM_DELETE_WINDOW", self.close)
        for key in ("<q>", "<Escape>"):
            self._root.bind(key, lambda _: self.close())

    def show(self, frame: np.ndarray) -> bool:
        """Show a BGR frame; False once the window is closed."""
        if self._open:
            scale = min(1.0, LARGEST_WIDTH / frame.shape[1])
            small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            shown = self._picture(data=cv2.imencode(".ppm", small)[1].tobytes())
            self._label.configure(image=shown)
            self._shown = shown  # Tk itself keeps no reference
            self._root.update()
        return self._open

    def close(self) -> None:
        """Close it, if it is open."""
        if self._open:
            self._open = False
            self._root.destroy()
