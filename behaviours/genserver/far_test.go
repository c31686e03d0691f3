package genserver_test

import (
	"testing"
	"testing/synctest"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/genserver"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// wire takes frames from one member to the other, in order.
type wire struct{ frames chan []byte }

func (w wire) Carry(_ string, frame []byte) error {
	w.frames <- frame
	return nil
}

func (w wire) deliver(to *process.Port, from string) {
	for frame := range w.frames {
		to.Arrived(from, frame)
	}
}

func TestCastsAndCallsReachServersOnOtherMembers(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, here *actor.ActorSystem) {
		there := actorstest.System()
		here.ProcessRegistry.Address, there.ProcessRegistry.Address = "here:1", "there:1"
		out, back := wire{make(chan []byte, 16)}, wire{make(chan []byte, 16)}
		defer close(out.frames)
		defer close(back.frames)
		hither, thither := process.Connect(here, out), process.Connect(there, back)
		go out.deliver(thither, "here:1")
		go back.deliver(hither, "there:1")

		var got []string
		pid := there.Root.Spawn(genserver.Props(func() genserver.Server { return &farServer{got: &got} }))
		genserver.Cast(here.Root, pid, wrapperspb.String("cast"))
		synctest.Wait()
		replies := genserver.MultiCall[*wrapperspb.Int64Value](t.Context(), here, []*actor.PID{pid}, wrapperspb.String("call"))
		if len(got) != 2 || got[0] != "cast cast" || got[1] != "call call" {
			t.Errorf("the server got %q", got)
		}
		if replies[0].Err != nil || replies[0].Reply.GetValue() != 2 {
			t.Errorf("replies %v", replies)
		}
		if err := genserver.StopWait(t.Context(), here, pid, nil); err == nil {
			t.Error("a stop does not cross members, and must not say that it did")
		}
	})
}

type farServer struct {
	genserver.Defaults
	got *[]string
}

func (s *farServer) HandleCall(_ *genserver.Context, _ genserver.From, req any) genserver.Return {
	*s.got = append(*s.got, "call "+req.(*wrapperspb.StringValue).GetValue())
	return genserver.Reply(wrapperspb.Int64(int64(len(*s.got))))
}

func (s *farServer) HandleCast(_ *genserver.Context, msg any) genserver.Return {
	*s.got = append(*s.got, "cast "+msg.(*wrapperspb.StringValue).GetValue())
	return genserver.NoReply()
}
