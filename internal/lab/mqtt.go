package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"tribune/internal/twin/api"
	"tribune/internal/twin/jsonld"
	"tribune/internal/web"
)

// The laboratory's MQTT broker is open to everyone, as all of it is. What is published to the topic ngsi-ld/entities or below
// it is one NGSI-LD entity, or an array of them, and is written as POST /entityOperations/upsert?options=update would
// write it; PUBACK comes after that. With an @context in it, it is JSON-LD. The tenant is the MQTT 5 user property NGSILD-Tenant.
// A message that cannot be written is not acknowledged: MQTT 5 hears why by a reason code, MQTT 3.1.1 is disconnected.
//
// All other topics are plain publish and subscribe, so that mqtt:// notifications and their readers need no other broker.

const entityTopic = "ngsi-ld/entities"

// Bounds of the broker, with their reasons.
const (
	maxClients  = 1024
	maxPacket   = web.MaxBody + 4<<10  // what HTTP takes, and a topic
	maxWaiting  = 4096                 // messages for one client that does not read; more are dropped
	maxInflight = 256                  // messages of one client that wait for an acknowledgement
	maxSession  = 3600                 // seconds for which an absent client's subscriptions are kept
	maxUpsert   = 30 * time.Second     // to write one message
	maxAnswer   = 64 << 10             // bytes of an answer that is read
	never       = 365 * 24 * time.Hour // for the $SYS topics that nobody needs
	neverInSecs = int64(never / 1e9)   // as the library counts
	tenantWord  = "NGSILD-Tenant"      // user property and header
	upsertPath  = "/entityOperations/upsert?options=update"
)

// broker is the MQTT part of a laboratory.
type broker struct {
	server *mochi.Server
	at     net.Listener
}

// openBroker listens at address and hands entities to api.
func openBroker(ctx context.Context, address string, ngsi http.Handler, log *slog.Logger) (*broker, error) {
	l, err := web.Listen(ctx, address, 0)
	if err != nil {
		return nil, err
	}
	can := mochi.NewDefaultServerCapabilities()
	can.MaximumClients, can.MaximumPacketSize, can.MaximumClientWritesPending = maxClients, maxPacket, maxWaiting
	can.MaximumInflight, can.ReceiveMaximum, can.MaximumSessionExpiryInterval = maxInflight, maxInflight, maxSession
	can.RetainAvailable = 0 // retained messages would be memory that nobody gives back
	s := mochi.New(&mochi.Options{Capabilities: can, Logger: slog.New(slog.DiscardHandler), SysTopicResendInterval: neverInSecs})
	if err := errors.Join(s.AddHook(&upserts{ngsi: ngsi, server: s, ctx: ctx, log: log}, nil), s.AddListener(listeners.NewNet("lab", l))); err != nil {
		return nil, errors.Join(fmt.Errorf("preparing the MQTT broker: %w", err), l.Close())
	}
	if err := s.Serve(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the MQTT broker: %w", err), l.Close())
	}
	return &broker{server: s, at: l}, nil
}

func (b *broker) close() error { return b.server.Close() }

// upserts lets everyone in, and writes what is published under the entity topic.
type upserts struct {
	mochi.HookBase
	ngsi   http.Handler
	server *mochi.Server
	ctx    context.Context // the laboratory's
	log    *slog.Logger
}

func (u *upserts) ID() string { return "lab" }

func (u *upserts) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck || b == mochi.OnPublish
}

func (u *upserts) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }

func (u *upserts) OnACLCheck(*mochi.Client, string, bool) bool { return true }

// OnPublish runs before the acknowledgement.
func (u *upserts) OnPublish(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if pk.FixedHeader.Retain { // the capability above is only announced
		pk.FixedHeader.Retain = false
	}
	if pk.TopicName != entityTopic && !strings.HasPrefix(pk.TopicName, entityTopic+"/") {
		return pk, nil
	}
	err := u.write(pk)
	if err == nil {
		return pk, nil
	}
	u.log.Warn("an MQTT message could not be written as an entity", "err", err)
	code := packets.ErrPayloadFormatInvalid
	if cl.Properties.ProtocolVersion == 5 && pk.FixedHeader.Qos > 0 {
		return pk, code
	}
	u.server.DisconnectClient(cl, code)
	return pk, packets.ErrRejectPacket // else the library would go on
}

func (u *upserts) write(pk packets.Packet) error {
	doc, err := jsonld.Read(bytes.Clone(pk.Payload))
	if err != nil {
		return err
	}
	body, media := doc.Raw(), "application/json"
	for _, e := range doc.Elements() {
		if _, ok := e.Member("@context"); ok {
			media = "application/ld+json"
		}
	}
	if !doc.IsArray() {
		body = append(append([]byte{'['}, body...), ']')
	}
	ctx, cancel := context.WithTimeout(u.ctx, maxUpsert)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, api.Prefix+upsertPath, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", media)
	for _, p := range pk.Properties.User {
		if strings.EqualFold(p.Key, tenantWord) {
			r.Header.Set(tenantWord, p.Val)
		}
	}
	var got answer
	u.ngsi.ServeHTTP(&got, r)
	if got.status >= 300 || got.status == http.StatusMultiStatus {
		return fmt.Errorf("the upsert answers %d: %s", got.status, got.body.Bytes())
	}
	return nil
}

// answer takes the answer to a request made in this process.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header {
	if a.header == nil {
		a.header = http.Header{}
	}
	return a.header
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if left := maxAnswer - a.body.Len(); left > 0 {
		a.body.Write(b[:min(left, len(b))])
	}
	return len(b), nil
}

var _ io.Writer = (*answer)(nil)
