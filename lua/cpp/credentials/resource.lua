-- The scope or resource of a token, in the form that the links of cpp.credentials request.

local RESOURCE = "https://cloudpartner.azure.com" -- as csrc/lua_body.c has it

local resource = {}

--- The scope of a request, for the v2 endpoint of Microsoft Entra.
function resource.scope(request)
  return request.scope or RESOURCE .. "/.default"
end

--- The resource of a request: its scope without the last part.
function resource.of(request)
  return (resource.scope(request):gsub("/%.default$", ""))
end

return resource
