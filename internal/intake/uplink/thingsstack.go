package uplink

import (
	"strconv"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The Things Stack 3 (The Things Network, The Things Industries), webhook in JSON: an ApplicationUp message, whose member
// uplink_message says that it is an uplink. Members that are 0, false or "" are missing, f_cnt of the first frame among them.
// Read are
//
//	end_device_ids.dev_eui          16 hex digits; missing for some devices activated by personalisation
//	end_device_ids.device_id        lower-case letters, digits and dashes
//	end_device_ids.dev_addr         8 hex digits
//	received_at                     RFC 3339, by the Application Server
//	simulated                       the message was made up in the console
//	uplink_message.session_key_id   base64, another one after every join; missing without a Join Server
//	uplink_message.f_cnt            number, counts up in one session
//	uplink_message.f_port           number
//	uplink_message.frm_payload      base64 of the decrypted payload
//	uplink_message.decoded_payload  what the payload formatter made of it; missing where there is none
//	uplink_message.received_at      RFC 3339, by the Network Server
//
// ID is session and frame counter.

type thingsStackUp struct {
	EndDeviceIDs struct {
		DeviceID string `json:"device_id"`
		DevEUI   string `json:"dev_eui"`
		DevAddr  string `json:"dev_addr"`
	} `json:"end_device_ids"`
	ReceivedAt string             `json:"received_at"`
	Simulated  bool               `json:"simulated"`
	Uplink     *thingsStackUplink `json:"uplink_message"`
}

type thingsStackUplink struct {
	SessionKeyID   string         `json:"session_key_id"`
	FCnt           uint32         `json:"f_cnt"`
	FPort          int            `json:"f_port"`
	FRMPayload     []byte         `json:"frm_payload"`
	DecodedPayload jsontext.Value `json:"decoded_payload"`
	ReceivedAt     string         `json:"received_at"`
}

// TheThingsStack reads a message; it is nil where the message is not an uplink.
func TheThingsStack(body []byte) (*Uplink, error) {
	var m thingsStackUp
	if err := jsonv2.Unmarshal(body, &m); err != nil { // its words may quote the body
		return nil, bad("it is not a message of The Things Stack 3 in JSON")
	}
	up := m.Uplink
	switch {
	case up == nil && m.EndDeviceIDs.DeviceID == "":
		return nil, bad("it is not a message of The Things Stack 3 in JSON")
	case up == nil:
		return nil, nil
	case m.Simulated:
		return nil, bad("it is simulated: nothing was sensed")
	}
	u := &Uplink{EndDevice: devEUI(m.EndDeviceIDs.DevEUI), At: instant(up.ReceivedAt), Port: up.FPort, Payload: up.FRMPayload, Decoded: up.DecodedPayload}
	if u.EndDevice == "" {
		u.EndDevice = m.EndDeviceIDs.DeviceID
	}
	if u.At.IsZero() {
		u.At = instant(m.ReceivedAt)
	}
	counter := strconv.FormatUint(uint64(up.FCnt), 10)
	switch {
	case up.SessionKeyID != "":
		u.ID = up.SessionKeyID + "/" + counter
	case !u.At.IsZero(): // a session without a key's name may begin again from 0
		u.ID = m.EndDeviceIDs.DevAddr + "/" + counter + "/" + strconv.FormatInt(u.At.UnixNano(), 10)
	}
	return u, u.check()
}
