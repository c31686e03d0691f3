package model_test

import (
	"encoding"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/cluster/model"
)

// FuzzTexts: what is read from a text is written as that text again, and what is refused changes nothing.
func FuzzTexts(f *testing.F) {
	for _, text := range []string{"a1/1", "a1/01", "a/b/1", "/0", "/", "//", "pair/switch", "pair/", "pair", "", "running", "up", "unknown", "a1/18446744073709551616"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		isWrittenAsRead[model.Member](t, text)
		isWrittenAsRead[model.Instance](t, text)
		isWrittenAsRead[model.Phase](t, text)
		isWrittenAsRead[model.MemberState](t, text)
	})
}

func isWrittenAsRead[T encoding.TextMarshaler, P interface {
	*T
	encoding.TextUnmarshaler
}](t *testing.T, text string) {
	var v, zero T
	if err := P(&v).UnmarshalText([]byte(text)); err != nil {
		if !reflect.DeepEqual(v, zero) {
			t.Errorf("%q is refused and leaves %v", text, v)
		}
		return
	}
	if back, err := v.MarshalText(); err != nil || string(back) != text {
		t.Errorf("%q is read as %v and written as %q (%v)", text, v, back, err)
	}
}

// TestEveryNameIsReadBack, and no text stands for two values.
func TestEveryNameIsReadBack(t *testing.T) {
	seen := map[string]bool{}
	for p := model.Unreported; p <= model.Failed; p++ {
		var back model.Phase
		if err := back.UnmarshalText([]byte(p.String())); err != nil || back != p || seen[p.String()] {
			t.Errorf("%v is read back as %v: %v", p, back, err)
		}
		seen[p.String()] = true
		if known := p != model.Unreported; known != (p.Progress() > 0) {
			t.Errorf("%v has progress %d", p, p.Progress())
		}
	}
	clear(seen)
	for s := model.Unknown; s <= model.Left; s++ {
		var back model.MemberState
		if err := back.UnmarshalText([]byte(s.String())); err != nil || back != s || seen[s.String()] {
			t.Errorf("%v is read back as %v: %v", s, back, err)
		}
		seen[s.String()] = true
	}
	for _, v := range []encoding.TextMarshaler{model.Phase(200), model.MemberState(200)} {
		if text, err := v.MarshalText(); err == nil {
			t.Errorf("%v is written as %q", v, text)
		}
	}
}

// TestNothingIsKnownOfTheZeroValues: a field that nobody has set never says that somebody is up or runs.
func TestNothingIsKnownOfTheZeroValues(t *testing.T) {
	if s := (model.MemberStatus{}).State; s != model.Unknown {
		t.Errorf("a state is %v", s)
	}
	if p := (model.Report{}).Phase; p != model.Unreported || p.Over() {
		t.Errorf("a phase is %v", p)
	}
}

// TestRecordsAreStoredWhole: every field of an order and of a report is read back from what is stored of it.
func TestRecordsAreStoredWhole(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	a1, b1 := model.Member{Name: "a1", Incarnation: 1<<63 + 1}, model.Member{Name: "b1", Incarnation: 2}
	instance := model.Instance{Group: "pair", App: "switch"}
	active := model.Activation{Member: a1, Epoch: 3, Kind: app.Takeover, From: "b1", Handover: map[string][]byte{"switch": {0, 255}}, Apps: []string{"switch"}}
	for _, v := range []any{
		&model.Order{
			Group: "pair", Epoch: 3, Active: &active, Previous: &model.Activation{Member: b1, Epoch: 2}, Quiesce: true, Target: b1, Standby: []model.Member{b1},
			Failures: []model.Failure{{Member: b1, Epoch: 2, Until: at, Count: 2, Instance: instance, Err: "no disk", Active: true, Lost: true}}, LostAt: at,
		},
		&model.Report{Member: a1, Instance: instance, Phase: model.Running, Role: app.Active, Epoch: 3, Handover: []byte{1}, Err: "x", Start: "normal", Since: at},
		&model.MemberStatus{Member: a1, State: model.Suspect},
		&model.Alarm{Group: "pair", Name: "not-active", Why: "nobody"},
	} {
		for i := range reflect.ValueOf(v).Elem().NumField() {
			if reflect.ValueOf(v).Elem().Field(i).IsZero() {
				t.Fatalf("the test leaves field %d of %T out", i, v)
			}
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		back := reflect.New(reflect.TypeOf(v).Elem()).Interface()
		if err := json.Unmarshal(text, back); err != nil || !reflect.DeepEqual(v, back) {
			t.Errorf("%s is read back as %+v (%v)", text, back, err)
		}
	}
}
