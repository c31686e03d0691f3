package process

import (
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/process/internal/wire"
)

// farProcess is what protoactor sees in the place of every actor on another member.
type farProcess Port

var _ actor.Process = (*farProcess)(nil)

// SendUserMessage takes a message to another member. One that cannot go there is a dead letter.
func (f *farProcess) SendUserMessage(pid *actor.PID, envelope any) {
	t := (*Port)(f)
	_, msg, sender := actor.UnwrapEnvelope(envelope)
	body, err := pack(msg)
	if err == nil {
		note := &wire.Note{To: pid.GetId(), ToRequest: pid.GetRequestId(), Body: body}
		if sender != nil && t.plane.local(sender) {
			note.Sender, note.SenderRequest = sender.GetId(), sender.GetRequestId()
		}
		err = t.send(pid.GetAddress(), &wire.Frame{What: &wire.Frame_Note{Note: note}})
	}
	if err != nil {
		t.plane.system.Logger().Debug("message not sent", slog.String("actor", pid.String()), slog.Any("err", err))
		t.plane.system.DeadLetter.SendUserMessage(pid, envelope)
	}
}

// SendSystemMessage makes a dead letter of protoactor's own messages, which do not cross members.
func (f *farProcess) SendSystemMessage(pid *actor.PID, msg any) {
	if w, ok := msg.(*actor.Watch); ok {
		f.plane.system.Logger().Error("Watch does not reach other members; use process.Monitor",
			slog.String("actor", pid.String()), slog.String("watcher", w.GetWatcher().String()))
	}
	f.plane.system.DeadLetter.SendSystemMessage(pid, msg)
}

// Stop makes a dead letter, too.
func (f *farProcess) Stop(pid *actor.PID) { f.SendSystemMessage(pid, &actor.Stop{}) }

// noted hands a message from another member to its target.
func (t *Port) noted(address string, n *wire.Note) {
	system := t.plane.system
	to := actor.NewPID(system.Address(), n.GetTo())
	to.RequestId = n.GetToRequest()
	var sender *actor.PID
	if n.GetSender() != "" {
		sender = actor.NewPID(address, n.GetSender())
		sender.RequestId = n.GetSenderRequest()
	}
	msg, err := unpack(n.GetBody())
	if err != nil {
		system.Logger().Warn("dropped a message that is not readable", slog.String("actor", to.GetId()), slog.String("addr", address), slog.Any("err", err))
		return
	}
	proc, _ := system.ProcessRegistry.Get(to) // or the dead letters
	proc.SendUserMessage(to, &actor.MessageEnvelope{Message: msg, Sender: sender})
}
