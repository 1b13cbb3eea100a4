-- NodeAutoProvisioning: how far the rollout is. A cluster that waits for its window is Healthy; one that rolls out is
-- Progressing, for as long as that takes (hours); Degraded is one in which all that is left to do is blocked.
local ready
for _, condition in ipairs(obj.status ~= nil and obj.status.conditions or {}) do
  if condition.type == "Ready" and condition.observedGeneration == obj.metadata.generation then
    ready = condition
  end
end
if ready == nil or ready.status == "Unknown" then
  local message = ready ~= nil and ready.message or "the operator has not judged the object as it is now"
  return {status = "Progressing", message = message}
end
if ready.status == "False" then
  return {status = "Degraded", message = ready.message}
end
local status = obj.status
local progress = status.progress ~= nil and status.progress.summary or ""
if status.phase == "RolledOut" then
  return {status = "Healthy", message = "rolled out, " .. progress}
end
if status.phase == "WaitingForWindow" then
  return {status = "Healthy", message = "waits for the window, " .. progress .. ": " .. (status.window or "")}
end
if status.phase == "Blocked" then
  local message = "blocked, " .. progress
  local first = status.blocked ~= nil and status.blocked[1] or nil
  if first ~= nil then
    message = message .. ": " .. first.node .. ": " .. (first.message or first.reason)
  end
  return {status = "Degraded", message = message}
end
return {status = "Progressing", message = "rolling out, " .. progress}
