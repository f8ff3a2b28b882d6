"""What the API server or a kubelet refuses about a pod template, one module for each kind of field.

Not here: the types of fields (pod_fields), and who caused a problem (injection/result_problems).
"""
