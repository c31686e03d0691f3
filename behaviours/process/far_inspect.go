package process

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/gendac/gendac/behaviours/process/internal/wire"
)

// inspection is the request by which Inspect asks an actor of another member.
type inspection struct{}

var _, _ Carried = inspection{}, Info{}

// Carried is for crossing members.
func (inspection) Carried() (as string, body any) { return "process.inspection", nil }

func init() {
	CarryAs("process.inspection", func(any) any { return inspection{} })
	CarryAs("process.info", func(body any) any {
		if info, ok := body.(*wire.Info); ok {
			return infoOf(info)
		}
		return body
	})
}

func (p *plane) inspectFar(ctx context.Context, pid *actor.PID) (Info, error) {
	value, err := p.callFar(ctx, pid, inspection{})
	if err != nil {
		return Info{}, err
	}
	info, ok := value.(Info)
	if !ok {
		return Info{}, fmt.Errorf("%w: inspection of %s: got %T", ErrBadReply, pid, value)
	}
	info.PID = pid
	return info, nil
}

// probe asks the target about itself, as Inspect does here.
func (r *relay) probe() {
	r.probes = true
	touch := &actor.Touch{}
	r.proc.SendSystemMessage(r.to, &probe{r.from(), touch})
	r.proc.SendUserMessage(r.to, &actor.MessageEnvelope{Message: touch, Sender: r.me})
}

// Carried makes what crosses members of an Info: a State that is no protobuf message becomes its text.
func (i Info) Carried() (as string, body any) {
	out := &wire.Info{
		Id: i.PID.GetId(), Behaviour: i.Behaviour, Phase: i.Phase, Mailbox: int64(i.Mailbox), LastMessage: i.LastMessage,
		Handled: i.Handled, Restarts: i.Restarts, Links: int64(i.Links), Monitors: int64(i.Monitors),
		MonitoredBy: int64(i.MonitoredBy),
	}
	if !i.Started.IsZero() {
		out.Started = i.Started.UnixNano()
	}
	if m, ok := i.State.(proto.Message); ok {
		if state, err := anypb.New(m); err == nil {
			out.State = state
			return "process.info", out
		}
	}
	if i.State != nil {
		out.StateText = strings.ToValidUTF8(fmt.Sprintf("%+v", i.State), "\uFFFD")
	}
	return "process.info", out
}

func infoOf(in *wire.Info) Info {
	out := Info{
		PID: actor.NewPID("", in.GetId()), Behaviour: in.GetBehaviour(), Phase: in.GetPhase(), Mailbox: int(in.GetMailbox()),
		LastMessage: in.GetLastMessage(), Handled: in.GetHandled(), Restarts: in.GetRestarts(), Links: int(in.GetLinks()),
		Monitors: int(in.GetMonitors()), MonitoredBy: int(in.GetMonitoredBy()),
	}
	if at := in.GetStarted(); at != 0 {
		out.Started = time.Unix(0, at)
	}
	if state := in.GetState(); state != nil {
		out.State = state
		if m, err := state.UnmarshalNew(); err == nil {
			out.State = m
		}
	} else if text := in.GetStateText(); text != "" {
		out.State = text
	}
	return out
}
