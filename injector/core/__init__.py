"""Given a pod template and a configuration: what should the pod be, and why?

::

    decide(template, facts, policy)  -> Decision     Inject | Skip | Deny, a closed Reason, the rules tried
    render(chosen, context)          -> Overlay      a partial pod template, values as data
    merge (template, overlay)        -> PodTemplate  Kubernetes' strategic merge, copy on write
    diff  (before, after)            -> Patch        RFC 6902, from what merge changed
    inject(template, facts, config)  -> Outcome      decide, strip, render, merge, finish, stamp, diff

Pure: no files, clock, network, environment, logging or randomness, and no knowledge of any mesh;
what a mesh needs beyond templates is a `profile.Profile` with rules of its own.
Manifests are plain dicts, so that fields newer than this program survive.
"""
