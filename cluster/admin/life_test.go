package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// mortal is a member that can be stopped, unless it is held, and is ready or not.
type mortal struct {
	Backend
	missing, held error
	forced        bool
}

func (m *mortal) Name() string                { return "a1" }
func (m *mortal) Ready(context.Context) error { return m.missing }

func (m *mortal) Shutdown(_ context.Context, force bool) error {
	if m.forced = force; force {
		return nil
	}
	return m.held
}

// TestReadinessIsAStatusAndAReason for whoever asks: a probe, and a client.
func TestReadinessIsAStatusAndAReason(t *testing.T) {
	member := &mortal{}
	s := httptest.NewServer(Handler(member))
	defer s.Close()
	c := Client{Addr: strings.TrimPrefix(s.URL, "http://")}
	for missing, status := range map[error]int{nil: http.StatusOK, errors.New("it does not vote yet"): http.StatusServiceUnavailable} {
		member.missing = missing
		resp, err := http.Get(s.URL + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != status {
			t.Errorf("missing %v: status %d, want %d", missing, resp.StatusCode, status)
		}
		r, err := c.Ready(t.Context())
		if err != nil || r.Member != "a1" || r.Ready != (missing == nil) || missing != nil && r.Reason != missing.Error() {
			t.Errorf("missing %v: %+v %v", missing, r, err)
		}
	}
}

// TestAStopThatIsHeldIsARefusal, and a forced one is none.
func TestAStopThatIsHeldIsARefusal(t *testing.T) {
	member := &mortal{held: fmt.Errorf("%w: b1 is away", ErrHeld)}
	s := httptest.NewServer(Handler(member))
	defer s.Close()
	c := Client{Addr: strings.TrimPrefix(s.URL, "http://")}
	if _, err := c.Stop(t.Context(), false); !errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), "b1 is away") {
		t.Errorf("held: %v", err)
	}
	if name, err := c.Stop(t.Context(), true); err != nil || name != "a1" || !member.forced {
		t.Errorf("forced: %q %v", name, err)
	}
	for _, query := range []string{"?force=yes", "?timeout=soon", "?timeout=1h"} {
		resp, err := http.Post(s.URL+"/v1/stop"+query, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: status %d", query, resp.StatusCode)
		}
	}
}
