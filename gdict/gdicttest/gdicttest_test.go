package gdicttest

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/gdict"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAMemberWorksUntilItsRoadIsBlocked(t *testing.T) {
	m := Start(t)
	if _, err := m.Dict().Store(t.Context(), "k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	m.Fail(genleader.ErrNoLeader)
	if _, err := m.Dict().Store(t.Context(), "k", nil); !errors.Is(err, genleader.ErrNoLeader) {
		t.Errorf("blocked: %v", err)
	}
	if _, err := m.Dict().Read(t.Context(), gdict.Bounded(gdict.DefaultTimeout)); !errors.Is(err, gdict.ErrStale) {
		t.Errorf("blocked: %v", err)
	}
	m.Fail(nil)
	if view, err := m.Dict().Read(t.Context(), gdict.Linearizable); err != nil || !view.IsKey("k") {
		t.Errorf("open again: %v", err)
	}
}
