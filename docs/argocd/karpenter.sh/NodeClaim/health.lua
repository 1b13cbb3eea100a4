-- NodeClaim: Progressing until its node is initialized, and again while it is being replaced or drained. Of a launch that
-- failed Launched stays Unknown, as it is tried again: Degraded until it succeeds.
local health = {status = "Progressing", message = "waits for its instance"}
if obj.metadata.deletionTimestamp ~= nil then
  health.message = "is being drained and removed"
  return health
end
if obj.status == nil or obj.status.conditions == nil then
  return health
end
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "DisruptionReason" and condition.status == "True" then
    return {status = "Progressing", message = "is being replaced: " .. (condition.reason or "")}
  end
  local failed = condition.status == "False" or condition.reason == "LaunchFailed"
  if condition.type == "Launched" and failed then
    health = {status = "Degraded", message = condition.message}
  elseif condition.type == "Ready" and condition.status == "True" then
    health = {status = "Healthy", message = ""}
  end
end
return health
