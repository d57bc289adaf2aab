package notify

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
)

// connection5 speaks MQTT 5.0.
type connection5 struct {
	client *paho.Client
	dead   atomic.Bool
}

var _ connection = (*connection5)(nil)

func connect5(ctx context.Context, conn net.Conn, to Endpoint) (connection, error) {
	c := &connection5{}
	c.client = paho.NewClient(paho.ClientConfig{
		ClientID: clientID(), Conn: packets.NewThreadSafeConn(conn), PacketTimeout: maxTimeout,
		OnClientError:      func(error) { c.dead.Store(true) },
		OnServerDisconnect: func(*paho.Disconnect) { c.dead.Store(true) },
	})
	hello := &paho.Connect{ClientID: c.client.ClientID(), KeepAlive: uint16(keepAlive.Seconds()), CleanStart: true}
	if user := to.target.User; user != nil {
		password, has := user.Password()
		hello.Username, hello.UsernameFlag = user.Username(), user.Username() != ""
		hello.Password, hello.PasswordFlag = []byte(password), has
	}
	ack, err := c.client.Connect(ctx, hello)
	if err != nil {
		if ack != nil {
			return nil, fmt.Errorf("the broker refused with reason code %d", ack.ReasonCode)
		}
		return nil, err
	}
	return c, nil
}

func (c *connection5) publish(ctx context.Context, topic string, qos byte, payload []byte) error {
	if resp, err := c.client.Publish(ctx, &paho.Publish{Topic: topic, QoS: qos, Payload: payload}); err != nil {
		if resp != nil && resp.ReasonCode >= 0x80 {
			return fmt.Errorf("%w: reason code %d", errNotTaken, resp.ReasonCode)
		}
		return err
	}
	if qos == 0 && !c.alive() { // nothing acknowledges it
		return errLost
	}
	return nil
}

func (c *connection5) alive() bool {
	select {
	case <-c.client.Done():
		return false
	default:
		return !c.dead.Load()
	}
}

func (c *connection5) close() { c.client.Disconnect(&paho.Disconnect{}) }
