package app_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/gendac/gendac/actors/app"
)

func TestStartForPeople(t *testing.T) {
	for want, s := range map[string]app.Start{
		"normal":       {From: "ignored"},
		"failover(a1)": {Kind: app.Failover, From: "a1"},
		"failover":     {Kind: app.Failover},
		"takeover(a1)": {Kind: app.Takeover, From: "a1", Role: app.Active},
		"restart":      {Kind: app.Restart, From: "a1"},
	} {
		if got := s.String(); got != want {
			t.Errorf("%+v: %q, want %q", s, got, want)
		}
	}
}

func TestNamesSurviveEncoding(t *testing.T) {
	type pair struct {
		Kind app.Kind
		Role app.Role
	}
	for _, want := range []pair{{app.Normal, app.Standby}, {app.Failover, app.Active}, {app.Takeover, app.Active}, {app.Restart, app.Standby}} {
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got pair
		if err := json.Unmarshal(data, &got); err != nil || got != want {
			t.Errorf("%s decoded as %v, %v; want %v", data, got, err, want)
		}
	}
	if _, err := json.Marshal(pair{Kind: 9}); err == nil {
		t.Error("an unknown kind was encoded")
	}
	var role app.Role
	var unknown *app.NameError
	if err := role.UnmarshalText([]byte("Active")); !errors.As(err, &unknown) || unknown.Name != "Active" {
		t.Errorf("decoding %q: %v, want a *NameError that names it", "Active", err)
	}
}
