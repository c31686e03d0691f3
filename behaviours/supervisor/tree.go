package supervisor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
)

// A Node is one actor of a supervision tree at one moment.
type Node struct {
	Info
	Strategy Strategy // if it is a supervisor
	Children []*Node  // likewise
	Err      error    // why it could not be asked for its children; nil for a worker
}

// Tree asks the supervisor pid, and those below it, for their children. Each is asked at a moment of its own. An error
// is that of asking the first one; one further below is in its Node. Deadlines are those of process.Call, for each.
func Tree(ctx context.Context, system *actor.ActorSystem, pid *actor.PID) (*Node, error) {
	root := &Node{Info: Info{ID: pid.GetId(), PID: pid, Phase: Up, Incarnations: 1, Type: Supervisor}}
	root.grow(ctx, system)
	return root, root.Err
}

func (n *Node) grow(ctx context.Context, system *actor.ActorSystem) {
	s, err := process.Call[snapshot](ctx, system, n.PID, asked{})
	n.Strategy, n.Err = s.strategy, err
	for _, info := range s.infos {
		child := &Node{Info: info}
		n.Children = append(n.Children, child)
		if info.PID != nil && info.Type == Supervisor {
			child.grow(ctx, system)
		}
	}
}

// shown is how many instances of a simple_one_for_one are printed one by one.
const shown = 3

// String draws the tree: ID, strategy of a supervisor, phase, and how many incarnations there were.
//
//	shop (one_for_one) up
//	|- db up, incarnation 2
//	`- front (rest_for_one) up
//	   |- cache up
//	   `- web gone
func (n *Node) String() string {
	var b strings.Builder
	b.WriteString(n.line() + "\n")
	n.draw(&b, "")
	return b.String()
}

func (n *Node) line() string {
	line := n.ID
	if n.Type == Supervisor {
		line += fmt.Sprintf(" (%v)", n.Strategy)
	}
	line += " " + n.Phase.String()
	if n.Incarnations > 1 {
		line += fmt.Sprintf(", incarnation %d", n.Incarnations)
	}
	if n.Err != nil && !errors.Is(n.Err, process.ErrNoProc) {
		line += fmt.Sprintf(", not asked: %v", n.Err)
	}
	return line
}

func (n *Node) draw(b *strings.Builder, indent string) {
	children, more := n.Children, 0
	if n.Strategy == SimpleOneForOne && len(children) > shown+1 {
		more = len(children) - shown
		children = children[:shown]
	}
	for i, c := range children {
		bar, below := "|- ", "|  "
		if i == len(children)-1 && more == 0 {
			bar, below = "`- ", "   "
		}
		b.WriteString(indent + bar + c.line() + "\n")
		c.draw(b, indent+below)
	}
	if more > 0 {
		fmt.Fprintf(b, "%s`- and %d more\n", indent, more)
	}
}
