"""The company, its customers and its fleet in the API."""

from drivers.api import customers, fleet, invitations, members, tokens, weeks


def register_routes(router):
    fleet.register_routes(router)
    router.register("tokens", tokens.TokenViewSet, basename="token")
    router.register("invitations", invitations.InvitationViewSet, basename="invitation")
    router.register("members", members.MemberViewSet, basename="member")
    router.register("shift-patterns", weeks.PatternViewSet, basename="shift-pattern")
    router.register("customers", customers.CustomerViewSet, basename="customer")
