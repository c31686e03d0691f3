package process_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"google.golang.org/protobuf/proto"
)

func TestEndingOf(t *testing.T) {
	for _, c := range []struct {
		reason error
		want   process.Ending
	}{
		{nil, process.Normal},
		{process.ErrNormal, process.Normal},
		{fmt.Errorf("done: %w", process.ErrNormal), process.Normal},
		{process.ErrShutdown, process.Shutdown},
		{&process.ShutdownError{Why: errBoom}, process.Shutdown},
		{process.ErrKilled, process.Abnormal},
		{process.ErrUnknown, process.Abnormal},
		{errBoom, process.Abnormal},
		{&process.PanicError{Value: process.ErrNormal}, process.Abnormal},
	} {
		if got := process.EndingOf(c.reason); got != c.want {
			t.Errorf("EndingOf(%v) = %v, want %v", c.reason, got, c.want)
		}
	}
}

func TestReasonsUnwrap(t *testing.T) {
	if err := (&process.ShutdownError{Why: context.Canceled}); !errors.Is(err, process.ErrShutdown) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not both", err)
	}
	queued := &process.ExitError{Who: actor.NewPID("", "a"), Reason: errBoom}
	if !errors.Is(queued, process.ErrNoProc) || !errors.Is(queued, errBoom) {
		t.Errorf("%v is not both", queued)
	}
}

func TestEnvelopeKeepsEveryField(t *testing.T) {
	want := &process.Envelope{
		Version: process.EnvelopeVersion, Kind: "k", From: "a1", FromIncarnation: 1, ToIncarnation: 2, Seq: 3, Body: []byte{4},
	}
	data, err := proto.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got process.Envelope
	if err := proto.Unmarshal(data, &got); err != nil || !proto.Equal(&got, want) {
		t.Errorf("got %v, %v", &got, err)
	}
}
