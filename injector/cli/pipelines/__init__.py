"""What renders manifests before or after `render`: Helm, kustomize, Argo CD and kubectl.

Not here: what is injected (`inject`), and the forms of output.
"""
