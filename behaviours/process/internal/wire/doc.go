// Package wire holds the messages that package process exchanges with itself on other members.
package wire

//go:generate sh -c "bin=$DOLLAR(mktemp -d) && go build -o $DOLLAR{bin} google.golang.org/protobuf/cmd/protoc-gen-go && PATH=$DOLLAR{bin}:$DOLLAR{PATH} protoc --go_out=. --go_opt=paths=source_relative process_wire.proto; rm -r $DOLLAR{bin}"
