"""Domains that give away addresses which are thrown away after minutes.

A short list of our own, of those met most. Whoever wants thousands more finds them in the list (CC0) that
https://github.com/disposable-email-domains/disposable-email-domains keeps.
"""

from __future__ import annotations

from typing import Final

_LISTED: Final = """
    10minutemail.com 10minutemail.net 20minutemail.com anonbox.net byom.de discard.email discardmail.com
    discardmail.de dispostable.com dropmail.me emailondeck.com fakeinbox.com filzmail.com getairmail.com
    getnada.com grr.la guerrillamail.biz guerrillamail.com guerrillamail.de guerrillamail.info
    guerrillamail.net guerrillamail.org guerrillamailblock.com harakirimail.com incognitomail.org
    jetable.org mailcatch.com maildrop.cc mailexpire.com mailinator.com mailinator.net mailnesia.com
    mailnull.com mintemail.com moakt.com mohmal.com mytemp.email mytrashmail.com pokemail.net
    sharklasers.com sneakemail.com sofort-mail.de spam4.me spamavert.com spambog.com spambox.us
    spamex.com spamfree24.org spamgourmet.com temp-mail.org tempail.com tempemail.net tempinbox.com
    tempmailo.com tempr.email throwawaymail.com trash-mail.com trashmail.at trashmail.com trashmail.me
    trashmail.net trbvm.com wegwerfemail.de wegwerfmail.de wegwerfmail.net yopmail.com yopmail.fr
    yopmail.net
"""
DISPOSABLE_DOMAINS: Final[frozenset[str]] = frozenset(_LISTED.split())
