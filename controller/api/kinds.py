"""The kinds this controller reads and writes."""

from controller.meta import Resource

MODEL = Resource("registry.volcano.sh", "v1alpha1", "models", "Model")
AUTOSCALING_POLICY = Resource("registry.volcano.sh", "v1alpha1", "autoscalingpolicies", "AutoscalingPolicy")
AUTOSCALING_POLICY_BINDING = Resource(
    "registry.volcano.sh", "v1alpha1", "autoscalingpolicybindings", "AutoscalingPolicyBinding"
)
MODEL_INFER = Resource("workload.volcano.sh", "v1alpha1", "modelinfers", "ModelInfer")
MODEL_SERVER = Resource("networking.serving.volcano.sh", "v1alpha1", "modelservers", "ModelServer")
MODEL_ROUTE = Resource("networking.serving.volcano.sh", "v1alpha1", "modelroutes", "ModelRoute")
POD = Resource("", "v1", "pods", "Pod")
CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")

ALL_CHILDREN = (MODEL_SERVER, MODEL_INFER, AUTOSCALING_POLICY, AUTOSCALING_POLICY_BINDING, MODEL_ROUTE)
"""The kinds of children, in the order in which they are printed."""
