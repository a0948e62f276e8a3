// Verify reads a log as C2SP tlog-tiles and checks it with golang.org/x/mod/sumdb, code that is not ours:
// note signatures, the tree from its tiles and from its raw entries, an inclusion proof of every entry,
// consistency of every pair of checkpoints, and the tlog-proof texts that permits came with.
// One JSON statement per line on standard output; the first thing that is wrong ends it with status 1.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run verify.go -vkey KEY -saved DIR
//	    (-dir DIR | -tiles URL -entries URL -header 'name: value')
//
// DIR of -saved holds `checkpoints/*` and `proofs/*.tlog-proof`, each proof beside its `*.entry`.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	proofLine  = "c2sp.org/tlog-proof@v1"
)

type statement map[string]any

func say(s statement) {
	line, err := json.Marshal(s)
	must(err, "statement")
	fmt.Println(string(line))
}

func must(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

// A source gives the bytes of a tlog-tiles path, such as "tile/0/001.p/5" or "checkpoint".
type source func(path string) ([]byte, error)

func folderSource(dir string) source {
	return func(path string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, filepath.FromSlash(path))) }
}

func httpSource(base, header string) source {
	return func(path string) ([]byte, error) {
		request, err := http.NewRequest("GET", base+"/"+path, nil)
		if err != nil {
			return nil, err
		}
		if name, value, ok := strings.Cut(header, ": "); ok {
			request.Header.Set(name, value)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		if response.StatusCode != 200 {
			return nil, fmt.Errorf("%s: %s", path, response.Status)
		}
		return io.ReadAll(response.Body)
	}
}

// tilesPath turns sumdb's path into that of tlog-tiles, which names no height.
func tilesPath(t tlog.Tile) string {
	return "tile/" + strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", tileHeight))
}

func entriesPath(n int64, width int) string {
	return "tile/entries/" + strings.TrimPrefix(tilesPath(tlog.Tile{H: tileHeight, L: 0, N: n, W: width}), "tile/0/")
}

// tileReader hands tiles to sumdb, which checks each against the tree before it believes it.
type tileReader struct {
	get  source
	kept map[string][]byte
}

func (r tileReader) Height() int                                { return tileHeight }
func (r tileReader) SaveTiles(tiles []tlog.Tile, data [][]byte) {}
func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		path := tilesPath(tile)
		if r.kept[path] == nil {
			bytes, err := r.get(path)
			if err != nil {
				return nil, err
			}
			if len(bytes) != tile.W*tlog.HashSize {
				return nil, fmt.Errorf("%s is %d bytes long", path, len(bytes))
			}
			r.kept[path] = bytes
		}
		data[i] = r.kept[path]
	}
	return data, nil
}

// fromTiles computes the root of a tree from the tiles of its own size, partial ones included.
func fromTiles(tree tlog.Tree, tiles tileReader) {
	root, err := tlog.TreeHash(tree.N, tlog.TileHashReader(tree, tiles))
	must(err, fmt.Sprintf("tiles of the tree of size %d", tree.N))
	if root != tree.Hash {
		must(errors.New(root.String()), fmt.Sprintf("the tiles of size %d give another root", tree.N))
	}
	say(statement{"check": "tree-from-tiles", "size": tree.N, "root": root.String()})
}

// openCheckpoint checks the signature and reads the tree (C2SP tlog-checkpoint).
func openCheckpoint(msg []byte, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(msg, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, errors.New("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return tlog.Tree{}, errors.New("malformed size")
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// readEntries reads every entry bundle up to size: uint16 length, entry, and so on.
func readEntries(get source, size int64) ([][]byte, error) {
	var entries [][]byte
	for n := int64(0); n*tileWidth < size; n++ {
		width := int(min(size-n*tileWidth, tileWidth))
		path := entriesPath(n, width)
		data, err := get(path)
		if err != nil {
			return nil, err
		}
		for i := 0; i < width; i++ {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("%s ends in the middle of an entry", path)
			}
			length := int(binary.BigEndian.Uint16(data))
			entries = append(entries, data[2:2+length])
			data = data[2+length:]
		}
		if len(data) != 0 {
			return nil, fmt.Errorf("%s has bytes after its last entry", path)
		}
	}
	return entries, nil
}

// memory keeps the hashes that sumdb makes of raw entries.
type memory []tlog.Hash

func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(m)) {
			return nil, errors.New("index beyond the tree")
		}
		found[i] = m[index]
	}
	return found, nil
}

func checkProof(path string, verifier note.Verifier) (statement, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	entry, err := os.ReadFile(strings.TrimSuffix(path, ".tlog-proof") + ".entry")
	if err != nil {
		return nil, err
	}
	head, checkpoint, ok := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || len(lines) < 2 || lines[0] != proofLine || !strings.HasPrefix(lines[1], "index ") {
		return nil, errors.New("not a " + proofLine)
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return nil, err
	}
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return nil, err
		}
		proof = append(proof, hash)
	}
	tree, err := openCheckpoint(checkpoint, verifier)
	if err != nil {
		return nil, err
	}
	leaf := tlog.RecordHash(entry)
	if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf); err != nil {
		return nil, err
	}
	return statement{"check": "tlog-proof", "index": index, "size": tree.N, "leaf": base64.StdEncoding.EncodeToString(leaf[:])}, nil
}

func main() {
	vkey := flag.String("vkey", "", "verifier key of the log")
	saved := flag.String("saved", "", "folder with checkpoints/ and proofs/")
	dir := flag.String("dir", "", "folder of an exported log")
	tilesURL := flag.String("tiles", "", "address of checkpoint and tiles")
	entriesURL := flag.String("entries", "", "address of entry bundles")
	header := flag.String("header", "", "header sent for entry bundles")
	flag.Parse()

	tiles, bundles := folderSource(*dir), folderSource(*dir)
	if *dir == "" {
		tiles, bundles = httpSource(*tilesURL, ""), httpSource(*entriesURL, *header)
	}
	verifier, err := note.NewVerifier(*vkey)
	must(err, "vkey")

	newest, err := tiles("checkpoint")
	must(err, "checkpoint")
	tree, err := openCheckpoint(newest, verifier)
	must(err, "checkpoint")
	say(statement{"check": "checkpoint", "origin": verifier.Name(), "size": tree.N, "root": tree.Hash.String()})

	cached := tileReader{tiles, map[string][]byte{}}
	fromTiles(tree, cached)
	reader := tlog.TileHashReader(tree, cached)

	entries, err := readEntries(bundles, tree.N)
	must(err, "entry bundles")
	var hashes memory
	for i, entry := range entries {
		more, err := tlog.StoredHashes(int64(i), entry, hashes)
		must(err, "hashes of entries")
		hashes = append(hashes, more...)
	}
	fromEntries, err := tlog.TreeHash(tree.N, hashes)
	must(err, "tree from entries")
	if fromEntries != tree.Hash {
		must(errors.New(fromEntries.String()), "tree from entries is another")
	}
	say(statement{"check": "tree-from-entries", "size": len(entries), "root": fromEntries.String()})

	for i, entry := range entries {
		proof, err := tlog.ProveRecord(tree.N, int64(i), reader)
		must(err, "inclusion proof")
		must(tlog.CheckRecord(proof, tree.N, tree.Hash, int64(i), tlog.RecordHash(entry)), fmt.Sprintf("inclusion of entry %d", i))
	}
	say(statement{"check": "inclusion", "entries": len(entries), "size": tree.N})

	paths, err := filepath.Glob(filepath.Join(*saved, "checkpoints", "*"))
	must(err, "saved checkpoints")
	trees := []tlog.Tree{}
	for _, path := range paths {
		msg, err := os.ReadFile(path)
		must(err, path)
		older, err := openCheckpoint(msg, verifier)
		must(err, path)
		if older.N > tree.N {
			must(fmt.Errorf("size %d is above %d", older.N, tree.N), path)
		}
		fromTiles(older, cached)
		trees = append(trees, older)
	}
	sort.Slice(trees, func(i, j int) bool { return trees[i].N < trees[j].N })
	for i, older := range trees {
		for _, newer := range append(append([]tlog.Tree{}, trees[i+1:]...), tree) {
			proof, err := tlog.ProveTree(newer.N, older.N, reader)
			must(err, "consistency proof")
			must(tlog.CheckTree(proof, newer.N, newer.Hash, older.N, older.Hash), fmt.Sprintf("consistency of %d and %d", older.N, newer.N))
			say(statement{"check": "consistency", "old": older.N, "oldRoot": older.Hash.String(), "new": newer.N, "newRoot": newer.Hash.String()})
		}
	}

	proofs, err := filepath.Glob(filepath.Join(*saved, "proofs", "*.tlog-proof"))
	must(err, "proofs")
	for _, path := range proofs {
		checked, err := checkProof(path, verifier)
		must(err, path)
		say(checked)
	}
	say(statement{"check": "all", "checkpoints": len(trees), "proofs": len(proofs)})
}
