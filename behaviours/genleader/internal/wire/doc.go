// Package wire is what members of a group say to each other and write into their log.
package wire

//go:generate sh -c "go build -o ../../../../.tools/protoc-gen-go google.golang.org/protobuf/cmd/protoc-gen-go && protoc --plugin=../../../../.tools/protoc-gen-go --go_out=. --go_opt=paths=source_relative wire.proto hub.proto"
