BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0004');
CREATE TABLE certificates (
	fingerprint TEXT NOT NULL, 
	source_id TEXT NOT NULL, 
	made TEXT NOT NULL, 
	expires TEXT NOT NULL, 
	shown TEXT, 
	PRIMARY KEY (fingerprint), 
	FOREIGN KEY(source_id) REFERENCES sources (id) ON DELETE CASCADE
)
 STRICT

;
INSERT INTO "certificates" VALUES('7101a178b9c4022a4e746d1d63739fd4bc55b263670a7d96b56b36540dd6ae7c','s-4951b7703c','2026-11-26T04:56:10.202Z','2027-12-27T04:56:10.000Z',NULL);
CREATE TABLE checkpoints (
	name TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	updated TEXT NOT NULL, 
	PRIMARY KEY (name)
)
 STRICT

;
INSERT INTO "checkpoints" VALUES('understanding',300,'2026-11-26T12:00:01Z');
CREATE TABLE cursors (
	name TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	PRIMARY KEY (name)
)
 STRICT

;
INSERT INTO "cursors" VALUES('notify',2);
CREATE TABLE feed (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	table_name TEXT NOT NULL, 
	row_id TEXT NOT NULL
)
 STRICT

;
INSERT INTO "feed" VALUES(1,'settings','archive.days');
INSERT INTO "feed" VALUES(2,'settings','house.name');
INSERT INTO "feed" VALUES(3,'sources','s-de12029039');
INSERT INTO "feed" VALUES(4,'house','keys');
INSERT INTO "feed" VALUES(5,'sources','s-4951b7703c');
INSERT INTO "feed" VALUES(6,'findings','1');
CREATE TABLE findings (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	kind TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	severity TEXT NOT NULL, 
	message TEXT NOT NULL, 
	first_seen TEXT NOT NULL, 
	last_seen TEXT NOT NULL, 
	closed TEXT
)
 STRICT

;
INSERT INTO "findings" VALUES(1,'source.quiet','s-de12029039','medium','["{name} has never sent anything", {"name": "NAS"}]','2026-11-26T12:00:00.000Z','2026-11-26T12:00:00.000Z',NULL);
CREATE TABLE incidents (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	state TEXT NOT NULL CONSTRAINT state_is_known CHECK (state IN ('new', 'taken', 'closed')), 
	severity TEXT NOT NULL, 
	title TEXT NOT NULL, 
	what TEXT NOT NULL, 
	first_event INTEGER NOT NULL, 
	last_event INTEGER NOT NULL, 
	matches INTEGER NOT NULL, 
	details TEXT NOT NULL, 
	historic INTEGER NOT NULL CONSTRAINT historic_is_yes_or_no CHECK (historic IN (0, 1)), 
	opened TEXT NOT NULL, 
	interrupted TEXT, 
	taken_by INTEGER, 
	closed_by INTEGER, 
	closed_as TEXT, 
	closed_level TEXT, 
	closed_event INTEGER, 
	merged_into INTEGER, 
	FOREIGN KEY(taken_by) REFERENCES ledger (seq), 
	FOREIGN KEY(closed_by) REFERENCES ledger (seq), 
	FOREIGN KEY(merged_into) REFERENCES incidents (id)
)
 STRICT

;
INSERT INTO "incidents" VALUES(1,'new','high','["{what}, on {host}", {"what": ["Rule r", {}], "host": "pc-1"}]','["One sign: {first}.", {"first": ["Rule r", {}]}]',1795604400000000,1795604400000000,1,'{"entities":[["host","pc-1","target"]],"techniques":["T1110"],"tactics":[],"reasons":[],"unlisted":0}',0,'2026-11-25T12:00:00Z',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE ledger (
	seq INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	PRIMARY KEY (seq), 
	UNIQUE (hash)
)
 STRICT

;
INSERT INTO "ledger" VALUES(1,'{"action":"settings.set","actor":{"name":"77fd9d5d4b5a51f55d8968ae54df705982412b9f7d500353fe2dafa7731a02cf"},"before":"0000000000000000000000000000000000000000000000000000000000000000","details":{"setting":"archive.days","value":30},"form":1,"seq":1,"time":"2026-11-26T04:56:10.153Z"}','56ce783d9eb11bad56618d9ecfb76df077954e3af167b86d8eb2e278ebacaed3');
INSERT INTO "ledger" VALUES(2,'{"action":"settings.set","actor":{"name":"ff0f3ca098f08348620c80bd08974a1aca720a0885c053c08cdfc433b1bdd5e9"},"before":"56ce783d9eb11bad56618d9ecfb76df077954e3af167b86d8eb2e278ebacaed3","details":{"setting":"house.name","value":{"name":"85de3bd282c632f565142e92327569a0b07a95bfbb605fd2299806b4856445ed"}},"form":1,"seq":2,"time":"2026-11-26T04:56:10.156Z"}','33abf9a71b25b1e6f5d1d7778ae8de946f6cd5d09d10483fff4e9fee2da5c36e');
INSERT INTO "ledger" VALUES(3,'{"action":"sources.token","actor":{"name":"245681ffd550f7a0ff192f0c57f9fb88bb80335b54757bd9653a90ab0827735c"},"before":"33abf9a71b25b1e6f5d1d7778ae8de946f6cd5d09d10483fff4e9fee2da5c36e","details":{"called":{"name":"762da4c1f922214dcdfa89c640e2c99a1a61efb9a51ef76a6bff5942bc108a4b"},"expires":null,"renewed":false,"source":"s-de12029039"},"form":1,"seq":3,"time":"2026-11-26T04:56:10.158Z"}','8d81e2ae740ea40c5c02ff4ce4561a58ca1116536da7d837932c79654d324774');
INSERT INTO "ledger" VALUES(4,'{"action":"house.keys","actor":{"name":"b79916fe56981eae3a36a5d854a2adcc936ba24ee27c9c18b74e30c62f39910b"},"before":"8d81e2ae740ea40c5c02ff4ce4561a58ca1116536da7d837932c79654d324774","details":{"devices":"43ac93086667a6500957d1759f1b3d057cd39c738b7d30871c278e67cf36d245","house":"e420af9b82793cd53febb9702702cf83804ee59451b0f89519e00a5d92da5eab","servers":"e4df1f9b4b1b5afc7a7162a15978d1f0c347708a3f8602a9b4e610ec42d49087"},"form":1,"seq":4,"time":"2026-11-26T04:56:10.188Z"}','6ef39bef37cbc428509d5335bc51e35de078c3e715d93e5b17e870e5a4cb5e8a');
INSERT INTO "ledger" VALUES(5,'{"action":"sources.certificate","actor":{"name":"41198ceb9507edf32dd409e40f72073c7d261d5ac86b0e7e890815502d8299f1"},"before":"6ef39bef37cbc428509d5335bc51e35de078c3e715d93e5b17e870e5a4cb5e8a","details":{"called":{"name":"0bc0b721a50754c1ea631481c64b45f190a90d9199b14e1573a853e9cda2b7d0"},"expires":"2027-12-27T04:56:10.000Z","renewed":false,"source":"s-4951b7703c"},"form":1,"seq":5,"time":"2026-11-26T04:56:10.201Z"}','73c7bd12fbcbeb2b666adab8e892d3a91e423438ea8a7e0e056ecbc40f897521');
INSERT INTO "ledger" VALUES(6,'{"action":"rules.switch","actor":{"name":"86f207e02fccdb990e9ab94a0a7f56e9e4dd89ee7b9f40c151a2104226cbb228"},"before":"73c7bd12fbcbeb2b666adab8e892d3a91e423438ea8a7e0e056ecbc40f897521","details":{"enabled":false,"rule":"6f3e2987-db24-4c78-a860-b4f4095a7095"},"form":1,"seq":6,"time":"2026-11-26T04:56:10.203Z"}','6b100c8d0a7dd3335ee0c84ab986850ad09483e955fb1bbdd6bdb9fa2f93fe00');
CREATE TABLE matches (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	position INTEGER NOT NULL, 
	place INTEGER NOT NULL, 
	identity TEXT, 
	rule_id TEXT NOT NULL, 
	grouping TEXT DEFAULT '' NOT NULL, 
	title TEXT NOT NULL, 
	level TEXT NOT NULL, 
	time TEXT, 
	noted TEXT NOT NULL, 
	host TEXT, 
	source_id TEXT NOT NULL, 
	logsource TEXT NOT NULL, 
	fields TEXT NOT NULL, 
	events TEXT, 
	historic INTEGER NOT NULL CONSTRAINT historic_is_yes_or_no CHECK (historic IN (0, 1))
, tags TEXT DEFAULT '[]' NOT NULL, traces TEXT, strand_id INTEGER, pending INTEGER DEFAULT '0' NOT NULL, hidden_by INTEGER)
 STRICT

;
INSERT INTO "matches" VALUES(1,96,0,'s-17','r','','Event log cleared','high','2026-11-26T12:00:00Z','2026-11-26T12:00:01Z','PC-ACCUEIL','s-de12029039','windows/*/security','{"EventID": 1102}',NULL,0,'["attack.t1110"]',NULL,1,0,NULL);
INSERT INTO "matches" VALUES(2,200,-1,'c1()','c','','Passwords being guessed','medium','2026-11-26T12:00:00Z','2026-11-26T12:00:01Z',NULL,'','*/*/*','{"src_ip": "203.0.113.9"}','[]',0,'["attack.t1110"]',NULL,1,0,NULL);
CREATE TABLE names (
	commitment TEXT NOT NULL, 
	salt BLOB NOT NULL, 
	name TEXT NOT NULL, 
	PRIMARY KEY (commitment)
)
 STRICT

;
INSERT INTO "names" VALUES('77fd9d5d4b5a51f55d8968ae54df705982412b9f7d500353fe2dafa7731a02cf',X'5458D0F55ED1AFDC775C96DFF294F9E5DF9CD4F13812051CD7844B174DDC7636','Anne Dubois');
INSERT INTO "names" VALUES('ff0f3ca098f08348620c80bd08974a1aca720a0885c053c08cdfc433b1bdd5e9',X'8A39A0DEE701BDC35950AFBE6090B644FB1AC7BC2209D6B0590AE1EE7DB7100E','Anne Dubois');
INSERT INTO "names" VALUES('85de3bd282c632f565142e92327569a0b07a95bfbb605fd2299806b4856445ed',X'7BAF386258E3B264C464ABE2316EBA3391A59E3BA0717AC4976BB13A2710BF43','Les Tilleuls');
INSERT INTO "names" VALUES('245681ffd550f7a0ff192f0c57f9fb88bb80335b54757bd9653a90ab0827735c',X'E491DFC18222B4E1D74413E142DD6CB9229ADB4A68EE05C7B95405C390F802EE','Anne Dubois');
INSERT INTO "names" VALUES('762da4c1f922214dcdfa89c640e2c99a1a61efb9a51ef76a6bff5942bc108a4b',X'2B69867B27E904B55CC499F174C6F71E0A83156F5D247EB6B79C2896ABEF0592','NAS');
INSERT INTO "names" VALUES('b79916fe56981eae3a36a5d854a2adcc936ba24ee27c9c18b74e30c62f39910b',X'11991CBB50DB6EB1C6489B2C020EFC4B86AEB42BB58586629A08B467E87CAA8F','beffroi');
INSERT INTO "names" VALUES('41198ceb9507edf32dd409e40f72073c7d261d5ac86b0e7e890815502d8299f1',X'78D1F30947D66575125CD6F140CFC7E4E668FD91416AD3D1A8566A63505BAFD1','Anne Dubois');
INSERT INTO "names" VALUES('0bc0b721a50754c1ea631481c64b45f190a90d9199b14e1573a853e9cda2b7d0',X'F440C1FFD1C4F45DC9924CAE9129A07A86A03EB382328F8A3A718BC27759AD1A','PC-ACCUEIL');
INSERT INTO "names" VALUES('86f207e02fccdb990e9ab94a0a7f56e9e4dd89ee7b9f40c151a2104226cbb228',X'541B5CA7176562C74C5CB1E1F23C8269AD6189818ADC254B28098D63A0EB7C11','Anne Dubois');
CREATE TABLE normals (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	rule_id TEXT NOT NULL, 
	filter TEXT NOT NULL, 
	made_by INTEGER NOT NULL, 
	expires TEXT NOT NULL, 
	ended TEXT, 
	hits INTEGER DEFAULT '0' NOT NULL, 
	last_hit TEXT, 
	FOREIGN KEY(made_by) REFERENCES ledger (seq)
)
 STRICT

;
INSERT INTO "normals" VALUES(1,'r','{"User": "anne"}',6,'2026-12-25T12:00:00Z',NULL,2,'2026-11-25T12:00:00Z');
CREATE TABLE rule_switches (
	rule_id TEXT NOT NULL, 
	enabled INTEGER NOT NULL CONSTRAINT enabled_is_yes_or_no CHECK (enabled IN (0, 1)), 
	seq INTEGER NOT NULL, 
	PRIMARY KEY (rule_id), 
	FOREIGN KEY(seq) REFERENCES ledger (seq)
)
 STRICT

;
INSERT INTO "rule_switches" VALUES('6f3e2987-db24-4c78-a860-b4f4095a7095',0,6);
CREATE TABLE settings (
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	PRIMARY KEY (name), 
	FOREIGN KEY(seq) REFERENCES ledger (seq)
)
 STRICT

;
INSERT INTO "settings" VALUES('archive.days','30',1);
INSERT INTO "settings" VALUES('house.name','"Les Tilleuls"',2);
CREATE TABLE source_hours (
	source_id TEXT NOT NULL, 
	hour INTEGER NOT NULL, 
	events INTEGER DEFAULT '0' NOT NULL, 
	unread INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (source_id, hour), 
	FOREIGN KEY(source_id) REFERENCES sources (id) ON DELETE CASCADE
)
 STRICT

;
INSERT INTO "source_hours" VALUES('s-de12029039',494000,12,1);
CREATE TABLE sources (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	claimed TEXT, 
	kind TEXT NOT NULL, 
	assurance INTEGER NOT NULL CONSTRAINT assurance_is_known CHECK (assurance BETWEEN 0 AND 3), 
	state TEXT NOT NULL CONSTRAINT state_is_known CHECK (state IN ('new', 'accepted', 'rejected', 'silent')), 
	proof_kind TEXT NOT NULL CONSTRAINT proof_is_known CHECK (proof_kind IN ('address', 'token', 'certificate', 'local')), 
	proof TEXT NOT NULL, 
	expires TEXT, 
	created TEXT NOT NULL, 
	accepted_by INTEGER, 
	silenced_until TEXT, 
	last_event TEXT, 
	last_arrival TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (proof_kind, proof), 
	FOREIGN KEY(accepted_by) REFERENCES ledger (seq)
)
 STRICT

;
INSERT INTO "sources" VALUES('s-de12029039','NAS',NULL,'any',2,'accepted','token','2b09e483b19809112994837aa8a512249ea558830bd54be6606c28bb11437495',NULL,'2026-11-26T04:56:10.158Z',3,NULL,NULL,NULL);
INSERT INTO "sources" VALUES('s-4951b7703c','PC-ACCUEIL',NULL,'any',3,'accepted','certificate','7101a178b9c4022a4e746d1d63739fd4bc55b263670a7d96b56b36540dd6ae7c','2027-12-27T04:56:10.000Z','2026-11-26T04:56:10.202Z',5,NULL,NULL,NULL);
CREATE TABLE states (
	name TEXT NOT NULL, 
	blob BLOB NOT NULL, 
	updated TEXT NOT NULL, 
	PRIMARY KEY (name)
)
 STRICT

;
INSERT INTO "states" VALUES('understanding',X'3330300A7B7D','2026-11-26T12:00:01Z');
CREATE TABLE strand_bonds (
	one INTEGER NOT NULL, 
	other INTEGER NOT NULL, 
	together INTEGER NOT NULL CONSTRAINT together_is_yes_or_no CHECK (together IN (0, 1)), 
	seq INTEGER NOT NULL, 
	PRIMARY KEY (one, other), 
	FOREIGN KEY(seq) REFERENCES ledger (seq)
)
 STRICT

;
INSERT INTO "strand_bonds" VALUES(1,2,1,6);
CREATE TABLE strands (
	id INTEGER NOT NULL, 
	incident_id INTEGER, 
	historic INTEGER NOT NULL CONSTRAINT historic_is_yes_or_no CHECK (historic IN (0, 1)), 
	alive INTEGER NOT NULL, 
	stale INTEGER DEFAULT '0' NOT NULL, 
	strand TEXT, 
	facts TEXT NOT NULL, 
	why TEXT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(incident_id) REFERENCES incidents (id)
)
 STRICT

;
INSERT INTO "strands" VALUES(1,1,0,0,0,NULL,'{"count":1,"first":1795604400000000,"last":1795604400000000,"rules":{"r":{"title":"Rule r","level":3,"tags":["attack.t1110"],"count":1,"first":1795604400000000,"last":1795604400000000}},"entities":{"host\u001ftarget\u001fpc-1":1},"unlisted":0}',NULL);
INSERT INTO "strands" VALUES(2,1,0,0,0,NULL,'{"count":0,"first":0,"last":0,"rules":{},"entities":{},"unlisted":0}',NULL);
CREATE TRIGGER ledger_never_changes BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END;
CREATE TRIGGER ledger_never_shrinks BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END;
CREATE UNIQUE INDEX findings_are_open_once ON findings (kind, subject) WHERE closed IS NULL;
CREATE UNIQUE INDEX matches_are_once_by_identity ON matches (identity, rule_id, grouping) WHERE identity IS NOT NULL;
CREATE UNIQUE INDEX matches_are_once_by_position ON matches (position, place, rule_id, grouping) WHERE identity IS NULL;
CREATE INDEX matches_by_noted ON matches (noted);
CREATE INDEX matches_are_pending ON matches (id) WHERE pending = 1;
CREATE INDEX matches_by_strand ON matches (strand_id);
CREATE INDEX matches_are_hidden ON matches (hidden_by) WHERE hidden_by IS NOT NULL;
CREATE INDEX incidents_by_state ON incidents (state, last_event);
CREATE INDEX strands_by_incident ON strands (incident_id);
CREATE INDEX strands_alive ON strands (id) WHERE alive = 1;
CREATE INDEX strands_stale ON strands (id) WHERE stale = 1;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('feed',6);
INSERT INTO "sqlite_sequence" VALUES('findings',1);
INSERT INTO "sqlite_sequence" VALUES('matches',2);
INSERT INTO "sqlite_sequence" VALUES('incidents',1);
INSERT INTO "sqlite_sequence" VALUES('normals',1);
COMMIT;
