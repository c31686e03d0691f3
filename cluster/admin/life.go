package admin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// A LifeBackend is a Backend that can be stopped and asked whether it does its part.
type LifeBackend interface {
	// Ready returns nil if the member has joined, has the state, and votes if it should; else what is missing.
	Ready(ctx context.Context) error
	// Shutdown returns when nothing holds up the stop any more, which goes on by itself; or with ErrHeld when ctx ends before.
	Shutdown(ctx context.Context, force bool) error
}

const (
	readyPath = "/readyz"
	stopPath  = "/v1/stop"
)

// A Readiness answers GET /readyz: with status 200 if the member is ready, and else with 503 and the reason.
type Readiness struct {
	Member string `json:"member"`
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"`
}

// Stopping answers POST /v1/stop: the member stops.
type Stopping struct {
	Member string `json:"member"`
}

type lifeAPI struct{ backend LifeBackend }

func (a *lifeAPI) register(mux *http.ServeMux, only func(method string, h http.HandlerFunc) http.HandlerFunc) {
	mux.HandleFunc(readyPath, only(http.MethodGet, a.ready))
	mux.HandleFunc(stopPath, only(http.MethodPost, a.stop))
}

func (a *lifeAPI) name() string {
	if named, has := a.backend.(interface{ Name() string }); has {
		return named.Name()
	}
	return ""
}

func (a *lifeAPI) ready(w http.ResponseWriter, r *http.Request) {
	if a.backend == nil {
		refuse(w, ErrNotFound)
		return
	}
	if err := a.backend.Ready(r.Context()); err != nil {
		answer(w, http.StatusServiceUnavailable, Readiness{Member: a.name(), Reason: err.Error()})
		return
	}
	answer(w, http.StatusOK, Readiness{Member: a.name(), Ready: true})
}

// stop takes the parameters force, which is true or absent, and timeout, a duration: how long to wait for the others.
func (a *lifeAPI) stop(w http.ResponseWriter, r *http.Request) {
	if a.backend == nil {
		refuse(w, ErrNotFound)
		return
	}
	q := r.URL.Query()
	timeout := RequestTimeout / 2
	if given := q.Get("timeout"); given != "" {
		d, err := time.ParseDuration(given)
		if err != nil || d <= 0 || d > RequestTimeout {
			refuse(w, fmt.Errorf("%w: timeout %q: want a duration of more than 0s and at most %s", ErrBadRequest, given, RequestTimeout))
			return
		}
		timeout = d
	}
	force := q.Get("force")
	if force != "" && force != "true" {
		refuse(w, fmt.Errorf("%w: force %q: want true, or leave it out", ErrBadRequest, force))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	if err := a.backend.Shutdown(ctx, force == "true"); err != nil {
		refuse(w, err)
		return
	}
	answer(w, http.StatusAccepted, Stopping{Member: a.name()})
}

// Ready asks whether the member does its part. A member that is not ready is an answer, and no error.
func (c Client) Ready(ctx context.Context) (Readiness, error) {
	var r Readiness
	err := c.ask(ctx, question{method: http.MethodGet, path: readyPath, want: http.StatusOK, or: http.StatusServiceUnavailable}, &r)
	return r, err
}

// Stop stops the member, and returns its name when nothing holds up the stop any more; the member ends soon after. ErrHeld
// means that the others could not do without it in time, and that it goes on running.
func (c Client) Stop(ctx context.Context, force bool) (string, error) {
	q := url.Values{}
	if force {
		q.Set("force", "true")
	}
	var s Stopping
	err := c.ask(ctx, question{method: http.MethodPost, path: stopPath, want: http.StatusAccepted}.with(ctx, q), &s)
	return s.Member, err
}
