"""What core does in the background: seals the record, and puts away what nobody needs any more."""

from datetime import datetime

from django.contrib.sessions.models import Session

from talka.core import events, outbox
from talka.core.outbox import every


@every(minutes=1)
def seal_events(now: datetime) -> None:
    """Seals what was done since the last minute; a quiet minute makes no seal."""
    events.seal(now)


@every(minutes=24 * 60)
def tidy(now: datetime) -> None:
    """Forgets deliveries that were done long ago and sessions that ended."""
    outbox.tidy(now)
    Session.objects.filter(expire_date__lt=now).delete()
