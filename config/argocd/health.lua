-- Health of a Model for Argo CD. The condition Failed is bad when True, unlike the others; without this script Argo CD cannot know.
-- In the ConfigMap argocd-cm it belongs under the key resource.customizations.health.registry.volcano.sh_Model.

local function health(status, message)
  return { status = status, message = message }
end

local metadata = obj.metadata or {}
local status = obj.status or {}
local generation = metadata.generation or 0

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

if (metadata.annotations or {})["registry.volcano.sh/paused"] == "true" then
  return health("Suspended", "reconciliation is paused")
end
if (status.observedGeneration or 0) < generation then
  return health("Progressing", "waiting for the model controller")
end

local failed, active = conditions.Failed, conditions.Active
if failed and failed.status == "True" then
  return health("Degraded", failed.message)
end
if not active then
  return health("Progressing", "waiting for the model controller")
end
if active.status == "False" and active.reason == "ScaledToZero" then
  return health("Suspended", active.message)
end
if active.status ~= "True" or (active.observedGeneration or 0) < generation then
  return health("Progressing", active.message)
end
return health("Healthy", active.message)
