-- NodeImage: an entry of the catalogue. Healthy also before it is published: it is there, and its time will come.
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
return {status = "Healthy", message = obj.status.state or ""}
