package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/bench/history"
	"github.com/gendac/gendac/gdict"
)

const (
	generation = 4 * time.Second // for which the same keys are used, everywhere
	registers  = 5
	counters   = 2
	pause      = 30 * time.Millisecond // at most, between two operations of a client
	owned      = "o/"                  // begins the keys that belong to a process
	lastOnes   = 3                     // generations that are read in the end
)

// A client does one operation after the other, and writes down when each began and ended.
type client struct {
	*tortured
	number int
	dice   *rand.Rand
	seen   uint64 // the latest revision that a write returned
}

// own stores a key that belongs to this process, once.
func (c *client) own(ctx context.Context) {
	key := owned + c.process
	for stored := false; !stored && ctx.Err() == nil; {
		value := c.value()
		o := history.Op{Group: key, Then: []history.Action{{Do: "store", Key: key, Value: value}}}
		c.do(o, func(ctx context.Context, dict *gdict.Dict) (history.Result, error) {
			self := genleader.Member{Name: c.node.Name(), Incarnation: c.node.Status().Incarnation}
			rev, err := dict.Store(ctx, root+key, []byte(value), gdict.OwnedBy(gdict.Member(self)))
			stored = err == nil
			return done(true, rev), err
		})
		time.Sleep(pause)
	}
}

// work goes on until ctx ends.
func (c *client) work(ctx context.Context) {
	for ctx.Err() == nil {
		time.Sleep(time.Duration(c.dice.Int64N(int64(pause))))
		now := int(clock() / generation)
		switch n := c.dice.IntN(12); {
		case n < 6:
			c.useRegister(fmt.Sprintf("r/%d/%d", now, c.dice.IntN(registers)))
		case n < 8:
			c.useCounter(fmt.Sprintf("c/%d/%d", now, c.dice.IntN(counters)))
		case n < 9:
			c.useText(fmt.Sprintf("l/%d", now))
		default:
			c.usePair(fmt.Sprintf("t/%d", now))
		}
	}
}

// patience is how long the next operation may take. It outlives the end of work: what was begun is waited for.
func (c *client) patience() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 100*time.Millisecond+time.Duration(c.dice.IntN(2000))*time.Millisecond)
}

// do writes down an operation around its doing.
func (c *client) do(o history.Op, do func(ctx context.Context, dict *gdict.Dict) (history.Result, error)) {
	ctx, cancel := c.patience()
	defer cancel()
	id := c.nextID()
	c.write(history.Record{Kind: history.Invoke, Client: c.number, ID: id, Op: &o})
	r, err := do(ctx, c.dict)
	for open := (*gdict.UncertainError)(nil); errors.As(err, &open) && c.dice.IntN(2) == 0; {
		r, err = c.goOn(open, o) // whatever it comes to, it is the same operation
	}
	if err != nil {
		r = history.Result{Outcome: outcomeOf(err), Err: err.Error()}
	}
	c.write(history.Record{Kind: history.Return, Client: c.number, ID: id, Result: &r})
	c.seen = max(c.seen, r.Rev)
}

// goOn repeats a write of which nobody knows whether it was done. A repetition is done once.
func (c *client) goOn(open *gdict.UncertainError, o history.Op) (history.Result, error) {
	ctx, cancel := c.patience()
	defer cancel()
	done, err := open.Retry(ctx)
	if errors.Is(err, gdict.ErrConflict) && !errors.Is(err, genleader.ErrUncertain) {
		return history.Result{Outcome: history.Done}, nil
	}
	if err != nil {
		return history.Result{}, err
	}
	r := history.Result{Outcome: history.Done, Held: done.Succeeded, Rev: done.Rev}
	if do := o.Then[0].Do; do == "add" || do == "append" {
		r.Sum, r.Rev = done.Results[0].N, 0
	}
	return r, nil
}

// outcomeOf says what an error of a write promises about it.
func outcomeOf(err error) history.Outcome {
	if errors.Is(err, genleader.ErrUncertain) {
		return history.Unknown
	}
	for _, refusal := range []error{
		genleader.ErrNoLeader, genleader.ErrOverloaded, genleader.ErrStopped, genleader.ErrLeaderStopped,
	} {
		if errors.Is(err, refusal) {
			return history.Refused
		}
	}
	if owner := (*gdict.OwnerError)(nil); errors.As(err, &owner) {
		return history.Refused
	}
	return history.Unknown
}

// value is one that nobody else ever stores.
func (c *client) value() string { return fmt.Sprint(c.process, ".", c.nextID()) }

func (c *client) useRegister(key string) {
	value := c.value()
	stored := []history.Action{{Do: "store", Key: key, Value: value}}
	switch c.dice.IntN(7) {
	case 0:
		c.do(history.Op{Group: key, Then: stored}, func(ctx context.Context, dict *gdict.Dict) (history.Result, error) {
			rev, err := dict.Store(ctx, root+key, []byte(value))
			return done(true, rev), err
		})
	case 1:
		c.do(history.Op{Group: key, Then: []history.Action{{Do: "erase", Key: key}}}, func(ctx context.Context, dict *gdict.Dict) (history.Result, error) {
			rev, err := dict.Erase(ctx, root+key)
			return done(true, rev), err
		})
	case 2, 3:
		was, found := c.readHere(key)
		c.do(history.Op{Group: key, If: []history.Cond{condition(key, was, found)}, Then: stored}, func(ctx context.Context, dict *gdict.Dict) (history.Result, error) {
			rev, err := dict.CompareAndStore(ctx, root+key, was.Rev, []byte(value))
			if errors.Is(err, gdict.ErrConflict) {
				return done(false, 0), nil
			}
			return done(true, rev), err
		})
	case 4:
		if c.dice.IntN(2) == 0 {
			c.readHere(key)
		} else {
			c.readBounded(key)
		}
	default:
		c.read(key, key)
	}
}

func done(held bool, rev uint64) history.Result {
	return history.Result{Outcome: history.Done, Held: held, Rev: rev}
}

func condition(key string, was gdict.Entry, found bool) history.Cond {
	return history.Cond{Key: key, Value: string(was.Value), Absent: !found}
}

// readHere reads what this member has, whatever the others do.
func (c *client) readHere(key string) (gdict.Entry, bool) {
	view := c.dict.View()
	e, found := view.Find(root + key)
	c.write(history.Record{Kind: history.Local, Client: c.number, Rev: view.Rev(), Seen: c.seen, Key: root + key, Value: string(e.Value), Erased: !found})
	return e, found
}

// readBounded reads what is not older than it may be.
func (c *client) readBounded(key string) {
	bound := time.Duration(1+c.dice.IntN(1+c.dice.IntN(1000))) * time.Millisecond
	ctx, cancel := c.patience()
	defer cancel()
	covers := clock() - bound
	view, err := c.dict.Read(ctx, gdict.Bounded(bound))
	if err != nil {
		return // it says that it cannot tell
	}
	e, found := view.Find(root + key)
	c.write(history.Record{
		Kind: history.Local, Client: c.number, Rev: view.Rev(), Seen: c.seen, Covers: int64(covers),
		Key: root + key, Value: string(e.Value), Erased: !found,
	})
}

// read reads linearizably.
func (c *client) read(group string, keys ...string) {
	c.do(history.Op{Group: group, Read: keys}, func(ctx context.Context, dict *gdict.Dict) (history.Result, error) {
		view, err := dict.Read(ctx, gdict.Linearizable)
		r := history.Result{Outcome: history.Done, Held: true, Values: map[string]string{}}
		for _, key := range keys {
			if e, found := view.Find(root + key); found {
				r.Values[key] = string(e.Value)
			}
		}
		return r, err
	})
}

func (c *client) useCounter(key string) {
	if c.dice.IntN(3) == 0 {
		c.read(key, key)
		return
	}
	delta := c.dice.Int64N(9) + 1
	c.do(history.Op{Group: key, Then: []history.Action{{Do: "add", Key: key, Delta: delta}}}, func(ctx context.Context, dict *gdict.Dict) (history.Result, error) {
		sum, err := dict.UpdateCounter(ctx, root+key, delta)
		return history.Result{Outcome: history.Done, Held: true, Sum: sum}, err
	})
}

// useText appends to a text, or reads it.
func (c *client) useText(key string) {
	if c.dice.IntN(3) == 0 {
		c.read(key, key)
		return
	}
	piece := c.value() + ";"
	c.do(history.Op{Group: key, Then: []history.Action{{Do: "append", Key: key, Value: piece}}}, func(ctx context.Context, dict *gdict.Dict) (history.Result, error) {
		length, err := dict.Append(ctx, root+key, []byte(piece))
		return history.Result{Outcome: history.Done, Held: true, Sum: int64(length)}, err
	})
}

// usePair changes two keys in one transaction, or reads both.
func (c *client) usePair(group string) {
	a, b := group+"/a", group+"/b"
	if c.dice.IntN(2) == 0 {
		c.read(group, a, b)
		return
	}
	was, found := c.readHere(a)
	first, second := c.value(), c.value()
	o := history.Op{
		Group: group, If: []history.Cond{condition(a, was, found)},
		Then: []history.Action{{Do: "store", Key: a, Value: first}, {Do: "store", Key: b, Value: second}},
	}
	c.do(o, func(ctx context.Context, dict *gdict.Dict) (history.Result, error) {
		r, err := dict.Txn(ctx, gdict.If(gdict.RevIs(root+a, was.Rev)), gdict.Then(gdict.Store(root+a, []byte(first)), gdict.Store(root+b, []byte(second))))
		return done(r.Succeeded, r.Rev), err
	})
}

// readAll reads whatever may still be changed by operations that nobody knows the outcome of.
func (c *client) readAll() {
	now := int(clock() / generation)
	for g := now - lastOnes; g <= now; g++ {
		for i := range registers {
			key := fmt.Sprintf("r/%d/%d", g, i)
			c.read(key, key)
		}
		for i := range counters {
			key := fmt.Sprintf("c/%d/%d", g, i)
			c.read(key, key)
		}
		text := fmt.Sprintf("l/%d", g)
		c.read(text, text)
		group := fmt.Sprintf("t/%d", g)
		c.read(group, group+"/a", group+"/b")
	}
}
