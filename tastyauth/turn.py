"""Whose turn it is: an answer from the cache as soon as there is one, else the lock to get it."""

from tastyauth.cache import View
from tastyauth.lock import Lock, Waiter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def take(
    look: "Callable[[], View]", answers: "Callable[[View], bool]", held: Lock | None = None
) -> tuple[View, Lock | None]:
    """A view that answers; or a view that does not, with the lock of what is to be got.

    Looks again after each wait, and once more under the lock. Where the lock of an outline was
    waited for and the outline has come, it moves on to the lock of the entry. Raises TemporaryError
    when a holder is late, OSError where there can be no lock.
    """
    waiter: Waiter | None = None
    while True:
        view = look()
        if answers(view):
            if held is not None:
                held.release()
            return view, None
        if held is not None:
            if held.path == view.lock_path:
                return view, held
            held.release()
        if waiter is None or waiter.path != view.lock_path:
            waiter = Waiter(view.lock_path)
        held = waiter.poll()
