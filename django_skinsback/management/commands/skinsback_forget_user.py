from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser

from ...exceptions import InvalidInput
from ...flows.forget_user import forget_user
from ..command import NOT_DONE, USAGE, SkinsBackCommand


class Command(SkinsBackCommand):
    help = (
        "Remove the Steam IDs, trade tokens, skins and raw deliveries of one user, for example before you close the "
        "user's account. The Steam profile and the quotes of the user are deleted. Ledger entries, amounts, "
        "SkinsBack's IDs and digests are kept. Later reports add no Steam data. The command is refused while a deposit "
        "or purchase of the user is open or needs review. The user is not deleted, because the ledger refers to the "
        "user. Afterwards, replace the name and e-mail in your own user model."
    )
    examples = (("alice", "remove the Steam data of the user alice"),)

    exit_codes = {NOT_DONE: "refused: a deposit or purchase of the user is open or needs review"}

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", metavar="USERNAME", help="the user name, as the user logs in with it")

    def work(self, *_args: Any, user: str, account: str | None, **_options: Any) -> None:
        users = get_user_model()
        try:
            found = users._default_manager.get_by_natural_key(user)
        except users.DoesNotExist:
            raise CommandError(f"There is no user {user!r}.", returncode=USAGE) from None
        try:
            with self.progress.bar("removing") as on_progress:
                forgotten = forget_user(found, account=account, on_progress=on_progress)
        except InvalidInput as error:
            raise CommandError(str(error), returncode=NOT_DONE) from error
        self.tell(
            f"Steam data removed from {forgotten.rows} deposits and purchases, raw bodies from {forgotten.deliveries} "
            "deliveries",
            rows=forgotten.rows,
            deliveries=forgotten.deliveries,
        )
