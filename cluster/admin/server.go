package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// RequestTimeout bounds one request at the server, and at a client whose context has no deadline.
const RequestTimeout = 10 * time.Second

const (
	maxRequest   = 4 << 10  // bytes of the body nobody needs
	maxHeaders   = 16 << 10 // bytes; a key may be in the path, encoded
	maxGroupName = 256      // bytes
)

// A Backend is the member behind the API. Both methods are called from many goroutines at once.
type Backend interface {
	// Status describes the member now. It waits for nothing but the member itself, and not long for that.
	Status() Status
	// Switchover orders the group's standby to take over from its active and returns when the order is committed, or with
	// one of this package's sentinels.
	Switchover(ctx context.Context, group string) error
}

// An AddressError says that the API cannot listen on the address it was given.
type AddressError struct {
	Addr string
	Err  error
}

// Error names the address and what is wrong with it.
func (e *AddressError) Error() string { return fmt.Sprintf("admin: address %q: %v", e.Addr, e.Err) }

// Unwrap returns what the operating system said.
func (e *AddressError) Unwrap() error { return e.Err }

var errNotLoopback = errors.New("not a loopback address; the admin API has no passwords, use 127.0.0.1:PORT or [::1]:PORT")

// A Server answers one member's admin requests.
type Server struct {
	listener net.Listener
	http     *http.Server
	served   chan struct{}
	ending   context.CancelFunc // of the streams
}

// NewServer listens on addr ("127.0.0.1:7400"; port 0 picks a free one, see Addr) and answers from then on. The host must
// be a loopback address or localhost. A used port or another unusable address is an *AddressError.
func NewServer(addr string, backend Backend) (*Server, error) {
	if err := loopback(addr); err != nil {
		return nil, &AddressError{Addr: addr, Err: err}
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, &AddressError{Addr: addr, Err: rootCause(err)}
	}
	streams, ending := context.WithCancel(context.Background())
	s := &Server{
		listener: listener,
		ending:   ending,
		http:     newHTTPServer(newHandler(streams, backend)),
		served:   make(chan struct{}),
	}
	go func() {
		defer close(s.served)
		_ = s.http.Serve(listener) // always ErrServerClosed: nobody else closes the listener
	}()
	return s, nil
}

func newHTTPServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: RequestTimeout / 2,
		ReadTimeout:       RequestTimeout,
		WriteTimeout:      2 * RequestTimeout,
		IdleTimeout:       RequestTimeout,
		MaxHeaderBytes:    maxHeaders,
		// A stranger's bytes on the port are no news for the member's log.
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
}

// Addr is the address that is listened on, with the port that was picked.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close stops listening, lets running requests finish until ctx ends, then cuts them. It returns ctx's error if it had to.
// Closing twice is harmless.
func (s *Server) Close(ctx context.Context) error {
	s.ending()
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close() // the deadline is over; what is still open is cut, and err tells
	}
	<-s.served
	return err
}

// Handler answers the API's requests, for callers that have a listener of their own. If backend is a DictBackend too, its
// dictionary is part of the API, once it has Joined if it is a Joiner; if it is a RaftBackend, the groups that elect a leader are.
func Handler(backend Backend) http.Handler { return newHandler(context.Background(), backend) }

// newHandler is Handler; ending ends the streams that run.
func newHandler(ending context.Context, backend Backend) http.Handler {
	api := &api{backend: backend}
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/status", api.only(http.MethodGet, api.status))
	mux.HandleFunc("/v1/groups/{group}/switchover", api.only(http.MethodPost, api.switchover))
	dict := &dictAPI{streams: make(chan struct{}, maxStreams), ending: ending}
	if b, has := backend.(DictBackend); has {
		dict.dict = b.Dict()
	}
	dict.joiner, _ = backend.(Joiner)
	dict.register(mux)
	raft := &raftAPI{}
	raft.backend, _ = backend.(RaftBackend)
	raft.register(mux, api.only)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, fmt.Errorf("%w %q; there are GET /v1/status, POST /v1/groups/GROUP/switchover and those under /v1/raft/ and /v1/dict/", ErrNotFound, r.URL.Path))
	})
	sites := http.NewCrossOriginProtection()
	sites.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { refuse(w, ErrForbidden) }))
	return sites.Handler(mux)
}

type api struct{ backend Backend }

// only refuses other methods, bounds the request and turns a panic of the backend into an answer.
func (a *api) only(method string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != method {
			w.Header().Set("Allow", method)
			refuse(w, fmt.Errorf("%w: %s takes %s, not %s", ErrMethod, r.URL.Path, method, r.Method))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
		ctx, cancel := context.WithTimeout(r.Context(), RequestTimeout)
		defer cancel()
		defer func() {
			if p := recover(); p != nil {
				refuse(w, fmt.Errorf("%w: %v", ErrInternal, p))
			}
		}()
		h(w, r.WithContext(ctx))
	}
}

func (a *api) status(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, filled(a.backend.Status()))
}

func (a *api) switchover(w http.ResponseWriter, r *http.Request) {
	group := r.PathValue("group")
	if err := checkGroup(group); err != nil {
		refuse(w, err)
		return
	}
	if err := a.backend.Switchover(r.Context(), group); err != nil {
		refuse(w, err)
		return
	}
	answer(w, http.StatusAccepted, map[string]string{"group": group})
}

// checkGroup refuses names that no spec can contain, so that backends and logs never see them.
func checkGroup(group string) error {
	bad := func(r rune) bool { return r < ' ' || r == 0x7f || r == '/' || r == '\uFFFD' }
	switch {
	case group == "":
		return fmt.Errorf("%w: the group name is empty", ErrBadRequest)
	case len(group) > maxGroupName:
		return fmt.Errorf("%w: the group name has %d bytes, at most %d are allowed", ErrBadRequest, len(group), maxGroupName)
	case strings.ContainsFunc(group, bad):
		return fmt.Errorf("%w: the group name %q has characters that no name has", ErrBadRequest, group)
	}
	return nil
}

// filled makes empty lists empty lists on the wire instead of null.
func filled(s Status) Status {
	if s.Members == nil {
		s.Members = []Member{}
	}
	if s.Groups == nil {
		s.Groups = []Group{}
	}
	if s.Instances == nil {
		s.Instances = []Instance{}
	}
	if s.Alarms == nil {
		s.Alarms = []string{}
	}
	return s
}

func refuse(w http.ResponseWriter, err error) {
	code, status := codeOf(err)
	line := strings.Join(strings.Fields(err.Error()), " ")
	answer(w, status, Refusal{Text: line, Code: code})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(body) // fails only when the client is gone, and then nobody is left to tell
}

// loopback refuses addresses that other machines could reach.
func loopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return errors.New("not host:port")
	}
	ip := net.ParseIP(host)
	if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return errNotLoopback
	}
	return nil
}

// rootCause drops the layers that repeat the address.
func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
