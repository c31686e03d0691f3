package remoting

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"time"

	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

const (
	maxMessage     = 64 << 20 // bytes of one gRPC message, both ways
	writerBatch    = 128      // messages that a writer takes at once
	writerQueue    = 1024     // places it allocates; the queue grows beyond
	keepaliveTime  = 10 * time.Second
	keepaliveReply = 3 * time.Second
	window         = 4 << 20 // bytes in flight per stream
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

// settings are protoactor's options. Its defaults allocate 16 MiB per peer, lose batches over 4 MiB, notice no silent
// peer, and sleep ten seconds before giving up on a dead one.
func settings(cfg Config, c creds, out *outbounds, g *guard) []remote.ConfigOption {
	opts := []remote.ConfigOption{
		remote.WithEndpointWriterBatchSize(writerBatch),
		remote.WithEndpointWriterQueueSize(writerQueue),
		func(rc *remote.Config) { rc.MaxRetryCount = 1 },
		remote.WithServerOptions(
			grpc.Creds(c.server),
			grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
			grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window),
			grpc.ConnectionTimeout(5*time.Second),
			grpc.MaxConcurrentStreams(16),
			grpc.KeepaliveParams(keepalive.ServerParameters{Time: keepaliveTime, Timeout: keepaliveReply}),
			grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveTime / 2, PermitWithoutStream: true}),
			grpc.StreamInterceptor(g.stream), grpc.UnaryInterceptor(g.unary),
		),
		remote.WithDialOptions(
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
			grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
				return (&net.Dialer{Timeout: connectTimeout}).DialContext(ctx, "tcp", addr) // no proxy, no delay
			}),
			grpc.WithStreamInterceptor(out.intercept),
		),
	}
	if cfg.Advertise != "" {
		opts = append(opts, remote.WithAdvertisedHost(cfg.Advertise))
	}
	return opts
}
