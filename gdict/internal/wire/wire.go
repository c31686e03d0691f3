// Package wire is how gdict's operations, replies and snapshots look as bytes: in the log, on the way to the leader and
// in a snapshot. A released field is never renumbered and never gets another meaning.
//
// It promises nothing about the contents: whoever decodes checks versions, kinds and limits.
package wire

//go:generate go build -o ./protoc-gen-go google.golang.org/protobuf/cmd/protoc-gen-go
//go:generate protoc --plugin=protoc-gen-go=./protoc-gen-go --go_out=. --go_opt=paths=source_relative op.proto
//go:generate rm ./protoc-gen-go
