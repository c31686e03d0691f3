package appctrl

import (
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/actors/app"
)

type (
	// enter orders the instance actor to call App.Start.
	enter struct {
		gen   uint64
		ctx   *app.Context
		start app.Start
	}
	// leave orders it to call App.Stop with the Context of the latest entry.
	leave struct{ gen uint64 }
)

// An instance is the actor round one value of the application. The user's callbacks run in it, and may block it.
type instance struct {
	newApp  func() app.App
	control *actor.PID
	log     *slog.Logger

	app     app.App
	ctx     *app.Context // of the latest entry
	gen     uint64       // of the latest entry
	entered bool         // a Start succeeded and no Stop followed
	serves  bool         // a Start succeeded: messages are delivered
}

// Receive runs one order, or passes one message to the application.
func (i *instance) Receive(c actor.Context) {
	switch msg := c.Message().(type) {
	case *enter:
		i.enter(c, msg)
	case *leave:
		i.leave(c, msg)
	case *actor.Stopping: // abandoned or killed: what has started gets its Stop all the same
		if i.entered {
			if _, err := i.stop(); err != nil {
				i.log.Warn("stop of a discarded instance failed", slog.Any("err", err))
			}
		}
	case *actor.Started, *actor.Stopped, *actor.Restarting, *actor.Terminated:
	default:
		i.deliver(c, msg)
	}
}

func (i *instance) enter(c actor.Context, msg *enter) {
	i.ctx, i.gen = msg.ctx, msg.gen
	err := i.guard("Start", func() error {
		if i.app == nil {
			i.app = i.newApp()
		}
		return i.app.Start(msg.ctx, msg.start)
	})
	if err != nil {
		c.Send(i.control, startFailed{Gen: msg.gen, Err: err.Error()})
		return
	}
	i.entered, i.serves = true, true
	c.Send(i.control, started{Gen: msg.gen})
}

func (i *instance) leave(c actor.Context, msg *leave) {
	done := stopped{Gen: msg.gen}
	handover, err := i.stop()
	if err != nil {
		done.Err = err.Error()
	}
	done.Handover = handover
	c.Send(i.control, done)
}

func (i *instance) stop() (handover []byte, err error) {
	i.entered = false
	err = i.guard("Stop", func() (err error) {
		handover, err = i.app.Stop(i.ctx)
		return err
	})
	return handover, err
}

func (i *instance) deliver(c actor.Context, msg any) {
	if !i.serves {
		return
	}
	err := i.guard("Receive", func() error {
		i.app.Receive(i.ctx, msg)
		return nil
	})
	if err != nil {
		c.Send(i.control, broke{Gen: i.gen, Reason: err.Error()})
	}
}

// guard makes a panic of the application an error of this instance.
func (i *instance) guard(callback string, call func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			i.log.Error("panic in the application", slog.String("callback", callback), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("panic in %s: %v", callback, v)
		}
	}()
	return call()
}
