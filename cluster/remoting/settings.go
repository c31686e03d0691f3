package remoting

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

const (
	maxMessage     = 64 << 20 // bytes of one gRPC message, both ways
	keepaliveTime  = 10 * time.Second
	keepaliveReply = 3 * time.Second
	window         = 4 << 20 // bytes in flight per stream and per connection
	maxStreams     = 16      // per connection; a member uses one

	handshakeTimeout = 5 * time.Second // for whoever connects and says nothing sensible
)

// TLS names the files for mutual TLS. Both ends present CertFile, and accept who is signed by CAFile; a certificate must
// be valid for client and server use, and name the host of the member's address.
type TLS struct{ CertFile, KeyFile, CAFile string }

// creds are the transport credentials of both directions.
type creds struct {
	server, client credentials.TransportCredentials
}

func (t *TLS) load() (creds, error) {
	if t == nil {
		return creds{insecure.NewCredentials(), insecure.NewCredentials()}, nil
	}
	cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return creds{}, &ConfigError{"TLS.CertFile", t.CertFile, err.Error()}
	}
	pem, err := os.ReadFile(t.CAFile)
	if err != nil {
		return creds{}, &ConfigError{"TLS.CAFile", t.CAFile, err.Error()}
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return creds{}, &ConfigError{"TLS.CAFile", t.CAFile, "holds no PEM certificate"}
	}
	return creds{
		server: credentials.NewTLS(&tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert},
			ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		}),
		client: credentials.NewTLS(&tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, RootCAs: pool,
		}),
	}, nil
}

// serverOptions and dialOptions are set on both ends alike. gRPC's defaults refuse messages over 4 MiB and notice no
// silent peer; and a client that pings more often than its server allows is cut off.
func serverOptions(c creds) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.Creds(c.server),
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
		grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window),
		grpc.ConnectionTimeout(handshakeTimeout), grpc.MaxConcurrentStreams(maxStreams), grpc.WaitForHandlers(true),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: keepaliveTime, Timeout: keepaliveReply}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveTime / 2, PermitWithoutStream: true}),
	}
}

func dialOptions(c creds) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithTransportCredentials(c.client),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: keepaliveTime, Timeout: keepaliveReply, PermitWithoutStream: true,
		}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second,
			},
			MinConnectTimeout: connectTimeout,
		}),
		grpc.WithIdleTimeout(0),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", addr) // no proxy between members
		}),
	}
}
