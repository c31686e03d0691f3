// Package gdicttest gives tests a dictionary that works: the only member of a real group in memory, whose way to the leader
// can be made to fail.
//
// Only for tests. It runs in real time and needs some milliseconds to elect its leader.
package gdicttest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/behaviours/process/actorstest"
	"github.com/gendac/gendac/gdict"
)

// A Member is a dictionary and its group of one.
type Member struct {
	dict  *gdict.Dict
	group *road
}

// A road leads to a group, unless it is blocked.
type road struct {
	*genleader.Group
	blocked atomic.Pointer[error]
}

// LeaderCallWithin fails with what Fail was given.
func (r *road) LeaderCallWithin(ctx context.Context, bounds genleader.Bounds, req []byte) ([]byte, error) {
	if err := r.blocked.Load(); err != nil {
		return nil, *err
	}
	return r.Group.LeaderCallWithin(ctx, bounds, req)
}

// ReadIndex fails with what Fail was given.
func (r *road) ReadIndex(ctx context.Context) (uint64, error) {
	if err := r.blocked.Load(); err != nil {
		return 0, *err
	}
	return r.Group.ReadIndex(ctx)
}

// FreshAsOf is never while the road is blocked.
func (r *road) FreshAsOf() time.Time {
	if r.blocked.Load() != nil {
		return time.Time{}
	}
	return r.Group.FreshAsOf()
}

// Start starts a member that can be written to, and stops it when the test ends.
func Start(t testing.TB, bounds ...gdict.Option) *Member {
	t.Helper()
	m, stop, err := Run(bounds...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// Run is Start where there is no test, as in an example: stop it when you are done.
func Run(bounds ...gdict.Option) (m *Member, stop func() error, err error) {
	m = &Member{dict: gdict.New(bounds...)}
	system := actorstest.System()
	group, err := genleader.New(system, genleader.Config{
		Self: genleader.Member{Name: "solo", Incarnation: 1}, Candidates: []string{"solo"}, Behaviour: m.dict.Behaviour(),
		Send: func(string, []byte) error { return errors.New("there is nobody else") },
	})
	if err != nil {
		return nil, nil, err
	}
	m.group = &road{Group: group}
	m.dict.Attach(m.group)
	pid := system.Root.Spawn(group.Props())
	stop = func() error {
		err := system.Root.StopFuture(pid).Wait()
		system.Shutdown()
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		_, err := m.dict.Read(ctx, gdict.Linearizable)
		if err == nil {
			return m, stop, nil
		}
		if ctx.Err() != nil {
			return nil, nil, errors.Join(fmt.Errorf("gdicttest: no leader: %w", err), stop())
		}
		time.Sleep(time.Millisecond)
	}
}

// Dict is the dictionary.
func (m *Member) Dict() *gdict.Dict { return m.dict }

// Fail makes every question to the leader fail with err from now on; nil: they work again.
func (m *Member) Fail(err error) {
	if err == nil {
		m.group.blocked.Store(nil)
		return
	}
	m.group.blocked.Store(&err)
}
