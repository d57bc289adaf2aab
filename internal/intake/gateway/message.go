package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"tribune"
	"tribune/internal/intake"
	"tribune/internal/intake/device"
)

// typeCSV is the content type that the desk does not know.
const typeCSV = "text/csv"

// topic is what the quarantine says of how a message came.
const topic = "http"

// message is POST /intake/{device}.
func (g *Gateway) message(ctx context.Context, w http.ResponseWriter, r *http.Request, dev *device.Device) (outcome, error) {
	contentType, err := mediaType(r)
	if err != nil {
		return outcome{}, err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return outcome{}, err
	}
	if contentType == typeCSV {
		return g.csv(ctx, w, r, dev, key)
	}
	if key != "" && contentType != intake.TypeJSON {
		return outcome{}, tribune.Hint(fmt.Errorf("%w: Idempotency-Key with %s", tribune.ErrInvalid, contentType), "Readings in SenML have times of their own, which serve the same end.")
	}
	body, err := body(w, r)
	if err != nil {
		return outcome{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	m := intake.Message{Device: dev, ContentType: contentType, Topic: topic, Body: body, Received: g.cfg.Now()}
	var taken intake.Taken
	if isArray := bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")); contentType == intake.TypeJSON && (isArray || key != "") {
		taken, err = g.readingsOf(ctx, m, key)
	} else {
		taken, err = g.cfg.Desk.Take(ctx, m)
	}
	return outcome{readings: taken.Readings}, err
}

// readingsOf takes an array of plain JSON messages, all of it or nothing, or one message with an idempotency key.
func (g *Gateway) readingsOf(ctx context.Context, m intake.Message, key string) (intake.Taken, error) {
	list, err := plain(m.Body)
	if err != nil {
		return intake.Taken{}, g.cfg.Desk.Reject(ctx, m, err.Error())
	}
	if key != "" {
		for i := range list {
			if list[i].At.IsZero() { // one with a time is known by that, however it is sent again
				list[i].ID = key + "/" + strconv.Itoa(i)
			}
		}
	}
	return g.cfg.Desk.TakeReadings(ctx, m.Device, list)
}

// mediaType is the content type of a request, among those that are taken.
func mediaType(r *http.Request) (string, error) {
	text := r.Header.Get("Content-Type")
	if text == "" {
		text = intake.TypeJSON
	}
	t, params, err := mime.ParseMediaType(text)
	if err == nil {
		switch t {
		case intake.TypeJSON, intake.TypeSenML, intake.TypeSenMLCBOR, intake.TypeCOSE, typeCSV:
			if r.Header.Get("Content-Encoding") != "" {
				return "", fmt.Errorf("%w: send it without Content-Encoding", errMedia)
			}
			if charset := params["charset"]; charset != "" && charset != "utf-8" && charset != "UTF-8" {
				return "", fmt.Errorf("%w: send it in UTF-8", errMedia)
			}
			return t, nil
		}
	}
	return "", tribune.Hint(errMedia, "Send %s, %s, %s, %s or %s.", intake.TypeJSON, intake.TypeSenML, intake.TypeSenMLCBOR, intake.TypeCOSE, typeCSV)
}

// body reads a message that is held in memory.
func body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > intake.MaxMessage {
		w.Header().Set("Connection", "close") // else the server would read the rest for nothing
		return nil, fmt.Errorf("%w: a message of %d bytes, at most %d", tribune.ErrTooLarge, r.ContentLength, intake.MaxMessage)
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, intake.MaxMessage))
	if err != nil {
		return nil, fmt.Errorf("reading the message: %w", unread(err))
	}
	return data, nil
}

// maxKey bounds an Idempotency-Key: with a reading's place it is a part of the change's ID.
const maxKey = 128

// idempotencyKey is the request's, "" where it has none. The header's value is a string in quotation marks (RFC 8941); a bare
// one, as many clients write it, is the same.
func idempotencyKey(r *http.Request) (string, error) {
	all := r.Header.Values("Idempotency-Key")
	if len(all) == 0 {
		return "", nil
	}
	key := all[0]
	if n := len(key); n >= 2 && key[0] == '"' && key[n-1] == '"' {
		key = key[1 : n-1]
	}
	ok := len(all) == 1 && key != "" && len(key) <= maxKey
	for i := 0; ok && i < len(key); i++ {
		ok = key[i] > ' ' && key[i] <= '~' && key[i] != '"' && key[i] != '\\'
	}
	if !ok {
		return "", tribune.Hint(fmt.Errorf("%w: %w", tribune.ErrInvalid, errKey), "Send one Idempotency-Key of at most %d letters, digits and signs.", maxKey)
	}
	return key, nil
}

// plainTime reads the member "time".
func plainTime(value json.RawMessage) (time.Time, bool) {
	var text string
	if json.Unmarshal(value, &text) != nil {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	return at.UTC(), err == nil
}
