package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"
)

// A fault is begun, and undone a while later. It says whether it could be done now.
type fault struct {
	name  string
	begin func(f *faults) (what string, undo func() error, err error)
}

var all = []fault{
	{"kill", func(f *faults) (string, func() error, error) { return f.restarted("killed", f.c.kill) }},
	{"kill the leader", func(f *faults) (string, func() error, error) { return f.killedLeader() }},
	{"stop in order", func(f *faults) (string, func() error, error) {
		return f.restarted("stopped in order", func(names ...string) { f.c.leave(names[0]) })
	}},
	{"pause", func(f *faults) (string, func() error, error) { return f.paused(f.somebody()) }},
	{"pause the leader", func(f *faults) (string, func() error, error) { return f.paused(f.leader()) }},
	{"isolate", func(f *faults) (string, func() error, error) {
		return f.cut("isolated", f.somebody(), f.c.network.Isolate)
	}},
	{"isolate the leader", func(f *faults) (string, func() error, error) {
		return f.cut("isolated, leading", f.leader(), f.c.network.Isolate)
	}},
	{"one way", func(f *faults) (string, func() error, error) { return f.oneWay() }},
	{"bridge", func(f *faults) (string, func() error, error) { return f.bridge() }},
	{"split", func(f *faults) (string, func() error, error) { return f.split() }},
}

// durable are the faults that only members with data survive.
var durable = []fault{
	{"kill several", func(f *faults) (string, func() error, error) { return f.killedSeveral(1 + f.dice.IntN(len(f.c.names))) }},
	{"kill all", func(f *faults) (string, func() error, error) { return f.killedSeveral(len(f.c.names)) }},
	{"lose a disk", func(f *faults) (string, func() error, error) { return f.lostDisk() }},
}

// commands are what can be done to a dictionary of the users' own.
var commands = []fault{
	{"move the leadership", func(f *faults) (string, func() error, error) { return f.moved() }},
	{"move the leadership", func(f *faults) (string, func() error, error) { return f.moved() }},
}

// faults does things to a cluster, in an order that its seed chooses.
type faults struct {
	c     *cluster
	known []fault
	dice  *rand.Rand
	alone bool           // nothing else is being done now
	done  map[string]int // by name
}

func newFaults(c *cluster, o options) *faults {
	f := &faults{c: c, known: all, dice: rand.New(rand.NewPCG(o.seed, 1)), done: map[string]int{}}
	if o.data {
		f.known = slices.Concat(f.known, durable)
	}
	if o.own {
		f.known = slices.Concat(f.known, commands)
	}
	return f
}

// run does one thing after the other, and sometimes two at once, until there was enough of it, and then lets all be well.
func (f *faults) run(o options) error {
	began := time.Now()
	for step := 0; o.steps == 0 || step < o.steps; step++ {
		if o.minutes > 0 && time.Since(began).Minutes() >= o.minutes {
			break
		}
		if err := f.step(); err != nil {
			return err
		}
		if step%10 == 9 {
			if err := f.recover(); err != nil {
				return err
			}
		}
	}
	return f.recover()
}

func (f *faults) step() error {
	var undo []func() error
	for n := 1 + f.dice.IntN(4)/3; n > 0; n-- {
		chosen := f.known[f.dice.IntN(len(f.known))]
		f.alone = len(undo) == 0
		what, u, err := chosen.begin(f)
		if err != nil {
			return err
		}
		if u == nil {
			f.c.say("no %s now: %s", chosen.name, what)
			continue
		}
		f.c.say("%s", what)
		f.done[chosen.name]++
		undo = append(undo, u)
		f.hold(1500)
	}
	if len(undo) > 0 {
		f.hold(3000)
	}
	for _, u := range undo {
		if err := u(); err != nil {
			return err
		}
	}
	f.hold(1500)
	return nil
}

// hold waits up to so many milliseconds, mostly much shorter.
func (f *faults) hold(most int) {
	time.Sleep(time.Duration(f.dice.IntN(f.dice.IntN(most)+1)) * time.Millisecond)
}

// recover waits until all members are well.
func (f *faults) recover() error {
	from := time.Now()
	if err := f.c.await("well again", f.c.missing); err != nil {
		return err
	}
	took := time.Since(from)
	f.c.slowest = max(f.c.slowest, took)
	f.c.say("all are well after %v", took.Round(time.Millisecond))
	return nil
}

func (f *faults) somebody() string { return f.c.names[f.dice.IntN(len(f.c.names))] }

// leader is whom the members follow, or somebody.
func (f *faults) leader() string {
	for _, name := range f.c.names {
		if leader := f.c.says(name).Leader; leader != "" && f.c.running[leader] != nil {
			return leader
		}
	}
	return f.somebody()
}

// restarted takes a process away. Members without data lose all they know with it, which a group survives when all others
// have been told everything.
func (f *faults) restarted(how string, end func(names ...string)) (string, func() error, error) {
	return f.lost(how, f.somebody(), end)
}

func (f *faults) killedLeader() (string, func() error, error) {
	return f.lost("killed, leading", f.leader(), f.c.kill)
}

// killedSeveral kills up to so many at once.
func (f *faults) killedSeveral(most int) (string, func() error, error) {
	var victims []string
	for _, i := range f.dice.Perm(len(f.c.names))[:most] {
		if name := f.c.names[i]; f.c.running[name] != nil && !f.c.running[name].paused {
			victims = append(victims, name)
		}
	}
	f.c.kill(victims...)
	return fmt.Sprint(victims, " killed"), func() error {
		f.c.say("%v started", victims)
		for _, name := range victims {
			if err := f.c.start(name); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// lostDisk takes a process and all that it has kept away, which a group survives when all others have been told everything.
func (f *faults) lostDisk() (string, func() error, error) {
	name := f.somebody()
	if f.alone {
		if err := f.recover(); err != nil {
			return "", nil, err
		}
	}
	if missing := f.c.missing(); missing != "" {
		return "missing " + missing, nil, nil
	}
	f.c.kill(name)
	return name + " killed, its data lost", func() error {
		f.c.say("%s started", name)
		return f.c.start(name)
	}, os.RemoveAll(f.c.dataOf(name))
}

func (f *faults) lost(how, name string, end func(names ...string)) (string, func() error, error) {
	if f.c.running[name] == nil || f.c.running[name].paused {
		return name + " is not running", nil, nil
	}
	if !f.c.data {
		if f.alone {
			if err := f.recover(); err != nil {
				return "", nil, err
			}
		}
		if missing := f.c.missing(); missing != "" {
			return "missing " + missing, nil, nil
		}
	}
	end(name)
	return name + " " + how, func() error {
		f.c.say("%s started", name)
		return f.c.start(name)
	}, nil
}

// moved asks for another leader, and does not wait for it.
func (f *faults) moved() (string, func() error, error) {
	name := f.somebody()
	if f.c.running[name] == nil {
		return name + " is not running", nil, nil
	}
	_, _ = fmt.Fprintln(f.c.running[name].stdin, wordLead) // fails only when it has ended
	return name + " wants to lead", func() error { return nil }, nil
}

func (f *faults) paused(name string) (string, func() error, error) {
	if f.c.running[name] == nil {
		return name + " is not running", nil, nil
	}
	f.c.pause(name)
	return name + " paused", func() error {
		f.c.say("%s goes on", name)
		f.c.resume(name)
		return nil
	}, nil
}

func (f *faults) cut(how, name string, cut func(string) error) (string, func() error, error) {
	return name + " " + how, f.heal, cut(name)
}

func (f *faults) heal() error {
	f.c.say("the network is whole")
	return f.c.network.Heal()
}

func (f *faults) oneWay() (string, func() error, error) {
	name := f.somebody()
	if f.dice.IntN(2) == 0 {
		name = f.leader()
	}
	if f.dice.IntN(2) == 0 {
		return f.cut("is not heard", name, f.c.network.Outbound)
	}
	return f.cut("hears nobody", name, f.c.network.Inbound)
}

// bridge cuts two off from each other, which the others still see both.
func (f *faults) bridge() (string, func() error, error) {
	i := f.dice.IntN(len(f.c.names))
	a, b := f.c.names[i], f.c.names[(i+1+f.dice.IntN(len(f.c.names)-1))%len(f.c.names)]
	err := errors.Join(f.c.network.Cut(a, b), f.c.network.Cut(b, a))
	return fmt.Sprintf("%s and %s cut off from each other", a, b), f.heal, err
}

// split makes two sides at random.
func (f *faults) split() (string, func() error, error) {
	var sides [2][]string
	side := map[string]int{}
	for _, name := range f.c.names {
		side[name] = f.dice.IntN(2)
		sides[side[name]] = append(sides[side[name]], name)
	}
	var errs []error
	for _, a := range f.c.names {
		for _, b := range f.c.names {
			if side[a] != side[b] {
				errs = append(errs, f.c.network.Cut(a, b))
			}
		}
	}
	return fmt.Sprintf("split into [%s] and [%s]", strings.Join(sides[0], " "), strings.Join(sides[1], " ")), f.heal, errors.Join(errs...)
}
