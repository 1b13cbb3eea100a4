// What tests hold SARIF to: this module carries the schema of OASIS, word for word, in a constant.
module napsim.dev/hack/sarif

go 1.24

require github.com/owenrumney/go-sarif/v3 v3.2.1
