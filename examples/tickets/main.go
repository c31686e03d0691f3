// Tickets is a leader with a state that outlives it: three members give each number once, whichever of them is asked and
// whoever leads. They are nodes of one process here, and would be on three machines otherwise.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/member/memory"
	"github.com/gendac/gendac/cluster/node"
	"github.com/gendac/gendac/cluster/spec"
)

const cluster = `
cluster: tickets
members: {a1: {}, b1: {}, c1: {}}
`

// tickets is one member's part of the group. The group calls it in one goroutine, so it needs no lock.
type tickets struct {
	genleader.Defaults
	sold uint64
}

// HandleLeaderCall runs on the leader only. It is where a request is refused; what it broadcasts will happen.
func (t *tickets) HandleLeaderCall(_ *genleader.Election, _ genleader.From, buyer []byte) genleader.Answer {
	if len(buyer) == 0 {
		return genleader.Reply([]byte("who buys?"))
	}
	return genleader.Broadcast(buyer)
}

// FromLeader runs on every member, in one order, once a majority has the broadcast. So it must come to the same everywhere:
// no clock, no chance, nothing but what it is given and what it has. The buyer's own member answers him.
func (t *tickets) FromLeader(_ *genleader.Election, buyer []byte) []byte {
	t.sold++
	return fmt.Appendf(nil, "ticket %d for %s", t.sold, buyer)
}

// Snapshot is for members that come later or were away for long: they get the state and not its whole history.
func (t *tickets) Snapshot() (genleader.Image, error) { return image(t.sold), nil }

// Restore runs beside other callbacks: only what it returns may touch the state.
func (t *tickets) Restore(r io.Reader) (install func(), err error) {
	var sold uint64
	if err := binary.Read(r, binary.BigEndian, &sold); err != nil {
		return nil, fmt.Errorf("the number of tickets sold: %w", err)
	}
	return func() { t.sold = sold }, nil
}

type image uint64

func (i image) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(binary.BigEndian.AppendUint64(nil, uint64(i)))
	return int64(n), err
}

// An office is one member: in a program of its own this is all that there is of it.
type office struct {
	name  string
	node  *node.Node
	group *genleader.Group
}

func open(name string, what *spec.Spec, board *memory.Board) (*office, error) {
	n, err := node.Start(node.Config{Name: name, Spec: what, Bind: "127.0.0.1:0", Discovery: board.Discovery(), InMemory: true})
	if err != nil {
		return nil, err
	}
	group, err := n.Group("tickets", genleader.Config{Behaviour: &tickets{}})
	if err != nil {
		return nil, errors.Join(err, n.Stop(context.Background()))
	}
	return &office{name, n, group}, nil
}

// sell asks the leader, wherever it is, and waits for one if there is none.
func (o *office) sell(out io.Writer, buyer string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	reply, err := o.group.LeaderCall(ctx, []byte(buyer))
	switch {
	case errors.Is(err, genleader.ErrUncertain):
		return fmt.Errorf("%s may have a ticket or not, look before you sell another: %w", buyer, err)
	case err != nil:
		return fmt.Errorf("%s has no ticket, and may ask again: %w", buyer, err)
	}
	fmt.Fprintf(out, "%s sells %s\n", o.name, reply)
	return nil
}

func run(out io.Writer) (err error) {
	what, err := spec.Parse([]byte(cluster))
	if err != nil {
		return err
	}
	board := memory.NewBoard() // members on machines of their own find each other through Consul, or addresses in the specification
	var offices []*office
	defer func() {
		for _, o := range offices {
			err = errors.Join(err, o.node.Stop(context.Background(), node.Force())) // all of them: nothing is to be kept
		}
	}()
	for _, name := range []string{"a1", "b1", "c1"} {
		o, err := open(name, what, board)
		if err != nil {
			return err
		}
		offices = append(offices, o)
	}
	for i, o := range offices {
		if err := o.sell(out, "guest "+strconv.Itoa(i+1)); err != nil {
			return err
		}
	}
	for i, o := range offices {
		if o.group.View().Phase != genleader.Leading {
			continue
		}
		fmt.Fprintln(out, "the leader closes")
		offices = append(offices[:i:i], offices[i+1:]...)
		if err := o.node.Stop(context.Background()); err != nil {
			return err
		}
		break
	}
	for i, o := range offices {
		if err := o.sell(out, "guest "+strconv.Itoa(i+4)); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}
