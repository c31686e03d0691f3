package remoting

import (
	"strconv"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gendac/gendac/behaviours/process"
)

// childServer is the actor "server" of a child process. Calls: "wait" is not answered, "held" when "release" comes, all
// else at once. Messages: "link <id>" links it to that actor of the parent's; "stream <id>" sends that one numbers for ever.
func childServer(parent string) *actor.Props {
	return process.Props(func(ctx actor.Context) process.Machine[int, any, any] {
		process.TrapExit(ctx, true)
		var held []process.From
		var to *actor.PID
		next := 0
		return process.Machine[int, any, any]{
			Name: "child server",
			Lift: func(ctx actor.Context) (any, bool) { return ctx.Message(), true },
			Step: func(n int, ev any) (int, []any) { return n, []any{ev} },
			Perform: func(ctx actor.Context, ev any) {
				switch msg := ev.(type) {
				case *process.Request:
					switch body, _ := msg.Body.(*wrapperspb.StringValue); body.GetValue() {
					case "wait":
					case "held":
						held = append(held, msg.From)
					default:
						process.Respond(msg.From, body, nil)
					}
				case *wrapperspb.StringValue:
					switch word, id, _ := strings.Cut(msg.GetValue(), " "); word {
					case "release":
						for _, from := range held {
							process.Respond(from, wrapperspb.String("released"), nil)
						}
						held = nil
					case "link":
						process.Link(ctx, actor.NewPID(parent, id))
					case "stream":
						to = actor.NewPID(parent, id)
						ctx.Send(ctx.Self(), streamOn{})
					}
				case streamOn:
					for range 50 {
						ctx.Send(to, wrapperspb.String(strconv.Itoa(next)))
						next++
					}
					ctx.Send(ctx.Self(), streamOn{})
				}
			},
		}
	})
}

type streamOn struct{}
