"""The pure part: what is decided, injected and said about a pod, as functions of values.

Rooms: `tree` (merging and comparing), `validation` (what the API server refuses), `injection` (one pod),
`registration` (how the webhook is called), `diagnosis` (why a pod of a cluster is as it is), `reports`
(where values come from, what is out of date).

::

    decide(template, facts, policy)  -> Decision     Inject | Skip | Deny, a closed Reason, the rules tried
    render(chosen, context)          -> Overlay      a partial pod template, values as data
    merge (template, overlay)        -> PodTemplate  Kubernetes' strategic merge, copy on write
    check (result)                   -> Findings     what the API server would refuse
    diff  (before, after)            -> Patch        RFC 6902, from what merge changed
    inject(template, facts, config)  -> Outcome      decide, strip, render, merge, finish, stamp, check, diff

Pure: no files, clock, network, environment, logging or randomness, and no knowledge of any mesh;
what a mesh needs beyond templates is a `profile.Profile` with rules of its own.
Manifests are plain dicts, so that fields newer than this program survive.
"""

from injector.light_import import later

# Most documents have a workload.
later(f"{__name__}.other_documents")
