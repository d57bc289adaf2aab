package notify

import (
	"context"
	"net"
	"net/url"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// connection3 speaks MQTT 3.1.1.
type connection3 struct{ client mqtt.Client }

var _ connection = connection3{}

func connect3(ctx context.Context, conn net.Conn, to Endpoint) (connection, error) {
	o := mqtt.NewClientOptions().SetProtocolVersion(4).SetClientID(clientID()).SetCleanSession(true).SetAutoReconnect(false).
		SetKeepAlive(keepAlive).SetPingTimeout(DefaultTimeout).SetWriteTimeout(maxTimeout).SetConnectTimeout(to.Timeout).
		AddBroker("tcp://" + to.target.Host). // only for its form: the connection is there already
		SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return conn, nil })
	if user := to.target.User; user != nil {
		password, _ := user.Password()
		o.SetUsername(user.Username()).SetPassword(password)
	}
	c := connection3{mqtt.NewClient(o)}
	if err := await(ctx, c.client.Connect()); err != nil {
		c.client.Disconnect(0)
		return nil, err
	}
	return c, nil
}

func (c connection3) publish(ctx context.Context, topic string, qos byte, payload []byte) error {
	if err := await(ctx, c.client.Publish(topic, qos, false, payload)); err != nil {
		return err
	}
	if qos == 0 && !c.alive() { // nothing acknowledges it
		return errLost
	}
	return nil
}

func (c connection3) alive() bool { return c.client.IsConnectionOpen() }
func (c connection3) close()      { c.client.Disconnect(0) }

func await(ctx context.Context, t mqtt.Token) error {
	select {
	case <-t.Done():
		return t.Error()
	case <-ctx.Done():
		return ctx.Err()
	}
}
