// What tests push charts to, as a registry: in memory, on this machine alone.
module napsim.dev/hack/registry

go 1.25.0

tool github.com/google/go-containerregistry/cmd/registry

require github.com/google/go-containerregistry v0.22.1 // indirect
