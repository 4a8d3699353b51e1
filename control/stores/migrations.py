"""The tables of each database, as the steps that make them.

A database remembers how many steps it has taken and takes the others when it is opened. A step that has been released is
never changed; a change of the tables is a new step at the end.
"""

DUCKDB = (
    """
    CREATE TABLE samples (
        time BIGINT NOT NULL,
        endpoint VARCHAR NOT NULL,
        prediction_id VARCHAR NOT NULL,
        plan BIGINT NOT NULL,
        revision BIGINT NOT NULL,
        schema_version VARCHAR NOT NULL,
        entity VARCHAR,
        chosen VARCHAR,
        answered VARCHAR,
        attempts BIGINT,
        propensity DOUBLE,
        inclusion DOUBLE NOT NULL,
        status BIGINT,
        latency DOUBLE,
        rejected BOOLEAN NOT NULL,
        flaw VARCHAR,
        rows_seen BIGINT NOT NULL,
        n_violations BIGINT NOT NULL,
        body BLOB NOT NULL
    );
    CREATE TABLE profiles (
        endpoint VARCHAR NOT NULL,
        model VARCHAR NOT NULL,
        bucket BIGINT NOT NULL,
        profile BLOB NOT NULL
    );
    CREATE TABLE counter_states (
        series VARCHAR NOT NULL,
        instance VARCHAR NOT NULL,
        start BIGINT NOT NULL,
        value BIGINT NOT NULL,
        PRIMARY KEY (series, instance, start)
    );
    CREATE TABLE counter_increments (
        metric VARCHAR NOT NULL,
        endpoint VARCHAR NOT NULL,
        label VARCHAR NOT NULL,
        kind VARCHAR NOT NULL,
        bucket BIGINT NOT NULL,
        increment BIGINT NOT NULL
    );
    CREATE TABLE model_references (
        endpoint VARCHAR NOT NULL,
        model VARCHAR NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (endpoint, model)
    );
    """,
    """
    CREATE TABLE shadows (
        time BIGINT NOT NULL,
        endpoint VARCHAR NOT NULL,
        prediction_id VARCHAR NOT NULL,
        model VARCHAR NOT NULL,
        revision BIGINT NOT NULL,
        inclusion DOUBLE NOT NULL,
        status BIGINT,
        latency DOUBLE,
        failure VARCHAR,
        body BLOB NOT NULL
    );
    """,
    """
    ALTER TABLE samples ADD COLUMN forced BOOLEAN DEFAULT false;
    """,
    """
    CREATE TABLE windows (
        endpoint VARCHAR NOT NULL,
        model VARCHAR NOT NULL,
        arm VARCHAR NOT NULL,
        slice VARCHAR NOT NULL,
        start BIGINT NOT NULL,
        inclusion DOUBLE NOT NULL,
        width BIGINT NOT NULL,
        profile BLOB NOT NULL
    );
    INSERT INTO windows SELECT endpoint, model, model, '', bucket, 1, 60000000000, profile FROM profiles;
    DROP TABLE profiles;
    """,
    """
    ALTER TABLE windows ADD COLUMN id VARCHAR;
    ALTER TABLE windows ADD COLUMN parts BIGINT DEFAULT 1;
    UPDATE windows SET id = uuid()::VARCHAR;
    ALTER TABLE counter_increments ADD COLUMN id VARCHAR;
    ALTER TABLE counter_increments ADD COLUMN parts BIGINT DEFAULT 1;
    UPDATE counter_increments SET id = uuid()::VARCHAR;
    """,
    """
    CREATE TABLE feedback (
        time BIGINT NOT NULL,
        endpoint VARCHAR NOT NULL,
        subject VARCHAR NOT NULL,
        place VARCHAR NOT NULL,
        lost BOOLEAN NOT NULL,
        row_index BIGINT NOT NULL,
        entity VARCHAR,
        predicted_at BIGINT,
        tolerance BIGINT NOT NULL,
        label DOUBLE,
        class VARCHAR,
        reward DOUBLE,
        labelled_at BIGINT NOT NULL,
        revision BIGINT NOT NULL,
        source VARCHAR NOT NULL,
        looked_up UBIGINT NOT NULL
    );
    ALTER TABLE samples ADD COLUMN looked_up UBIGINT;
    UPDATE samples SET looked_up = md5_number_lower(prediction_id);
    ALTER TABLE shadows ADD COLUMN looked_up UBIGINT;
    UPDATE shadows SET looked_up = md5_number_lower(prediction_id);
    """,
    """
    CREATE TABLE forgotten (
        time BIGINT NOT NULL,
        endpoint VARCHAR NOT NULL,
        subject VARCHAR NOT NULL,
        looked_up UBIGINT NOT NULL
    );
    """,
)

POSTGRESQL = (
    (
        """
        CREATE TABLE samples (
            time BIGINT NOT NULL,
            endpoint TEXT COLLATE "C" NOT NULL,
            prediction_id TEXT COLLATE "C" NOT NULL,
            plan BIGINT NOT NULL,
            revision BIGINT NOT NULL,
            schema_version TEXT COLLATE "C" NOT NULL,
            entity TEXT COLLATE "C",
            chosen TEXT COLLATE "C",
            answered TEXT COLLATE "C",
            attempts BIGINT,
            propensity DOUBLE PRECISION,
            inclusion DOUBLE PRECISION NOT NULL,
            status BIGINT,
            latency DOUBLE PRECISION,
            rejected BOOLEAN NOT NULL,
            flaw TEXT COLLATE "C",
            rows_seen BIGINT NOT NULL,
            n_violations BIGINT NOT NULL,
            body BYTEA NOT NULL,
            forced BOOLEAN NOT NULL,
            UNIQUE (time, endpoint, prediction_id)
        )
        """,
        "CREATE INDEX samples_by_prediction ON samples USING hash (prediction_id)",
        """
        CREATE TABLE shadows (
            time BIGINT NOT NULL,
            endpoint TEXT COLLATE "C" NOT NULL,
            prediction_id TEXT COLLATE "C" NOT NULL,
            model TEXT COLLATE "C" NOT NULL,
            revision BIGINT NOT NULL,
            inclusion DOUBLE PRECISION NOT NULL,
            status BIGINT,
            latency DOUBLE PRECISION,
            failure TEXT COLLATE "C",
            body BYTEA NOT NULL,
            UNIQUE (time, endpoint, prediction_id, model)
        )
        """,
        "CREATE INDEX shadows_by_prediction ON shadows USING hash (prediction_id)",
        """
        CREATE TABLE windows (
            endpoint TEXT COLLATE "C" NOT NULL,
            model TEXT COLLATE "C" NOT NULL,
            arm TEXT COLLATE "C" NOT NULL,
            slice TEXT COLLATE "C" NOT NULL,
            start BIGINT NOT NULL,
            inclusion DOUBLE PRECISION NOT NULL,
            width BIGINT NOT NULL,
            profile BYTEA NOT NULL,
            id TEXT COLLATE "C" PRIMARY KEY,
            parts BIGINT NOT NULL
        )
        """,
        "CREATE INDEX windows_in_order ON windows (endpoint, slice, start)",
        """
        CREATE TABLE counter_states (
            series TEXT COLLATE "C" NOT NULL,
            instance TEXT COLLATE "C" NOT NULL,
            start BIGINT NOT NULL,
            value BIGINT NOT NULL,
            PRIMARY KEY (series, instance, start)
        )
        """,
        "CREATE INDEX counter_states_by_instance ON counter_states (instance)",
        """
        CREATE TABLE counter_increments (
            metric TEXT COLLATE "C" NOT NULL,
            endpoint TEXT COLLATE "C" NOT NULL,
            label TEXT COLLATE "C" NOT NULL,
            kind TEXT COLLATE "C" NOT NULL,
            bucket BIGINT NOT NULL,
            increment BIGINT NOT NULL,
            id TEXT COLLATE "C" PRIMARY KEY,
            parts BIGINT NOT NULL
        )
        """,
        "CREATE INDEX counter_increments_in_order ON counter_increments (endpoint, bucket)",
        """
        CREATE TABLE model_references (
            endpoint TEXT COLLATE "C" NOT NULL,
            model TEXT COLLATE "C" NOT NULL,
            body BYTEA NOT NULL,
            PRIMARY KEY (endpoint, model)
        )
        """,
    ),
    (
        """
        CREATE TABLE feedback (
            time BIGINT NOT NULL,
            endpoint TEXT COLLATE "C" NOT NULL,
            subject TEXT COLLATE "C" NOT NULL,
            place TEXT COLLATE "C" NOT NULL,
            lost BOOLEAN NOT NULL,
            row_index BIGINT NOT NULL,
            entity TEXT COLLATE "C",
            predicted_at BIGINT,
            tolerance BIGINT NOT NULL,
            label DOUBLE PRECISION,
            class TEXT COLLATE "C",
            reward DOUBLE PRECISION,
            labelled_at BIGINT NOT NULL,
            revision BIGINT NOT NULL,
            source TEXT COLLATE "C" NOT NULL,
            UNIQUE (time, endpoint, subject, place)
        )
        """,
        "CREATE INDEX feedback_by_subject ON feedback USING hash (subject)",
    ),
    (
        """
        CREATE TABLE forgotten (
            time BIGINT NOT NULL,
            endpoint TEXT COLLATE "C" NOT NULL,
            subject TEXT COLLATE "C" NOT NULL
        )
        """,
        "CREATE INDEX forgotten_by_subject ON forgotten USING hash (subject)",
    ),
)

CLICKHOUSE = (
    (
        """
        CREATE TABLE facts (
            fact LowCardinality(String),
            endpoint String,
            time Int64,
            id String,
            model String,
            version UInt64,
            gone UInt8,
            plan Int64,
            revision Int64,
            schema_version LowCardinality(String),
            entity Nullable(String),
            chosen LowCardinality(Nullable(String)),
            answered LowCardinality(Nullable(String)),
            attempts Nullable(Int64),
            propensity Nullable(Float64),
            inclusion Float64,
            status Nullable(Int64),
            latency Nullable(Float64),
            rejected Bool,
            flaw LowCardinality(Nullable(String)),
            rows_seen Int64,
            n_violations Int64,
            forced Bool,
            body String CODEC(ZSTD),
            failure LowCardinality(Nullable(String)),
            arm String,
            slice String,
            width Int64,
            profile String CODEC(ZSTD),
            parts Int64,
            value Int64,
            metric LowCardinality(String),
            label String,
            kind String,
            increment Int64,
            INDEX by_id id TYPE bloom_filter GRANULARITY 1
        )
        ENGINE = ReplacingMergeTree(version, gone) ORDER BY (fact, endpoint, time, id, model)
        SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0
        """,
        """
        CREATE VIEW samples AS SELECT time, endpoint, id AS prediction_id, plan, revision, schema_version, entity, chosen, answered,
        attempts, propensity, inclusion, status, latency, rejected, flaw, rows_seen, n_violations, body, forced
        FROM facts FINAL WHERE fact = 'samples'
        """,
        """
        CREATE VIEW shadows AS SELECT time, endpoint, id AS prediction_id, model, revision, inclusion, status, latency, failure, body
        FROM facts FINAL WHERE fact = 'shadows'
        """,
        """
        CREATE VIEW windows AS SELECT endpoint, model, arm, slice, time AS start, inclusion, width, profile, id, parts
        FROM facts FINAL WHERE fact = 'windows'
        """,
        """
        CREATE VIEW counter_states AS SELECT model AS series, id AS instance, time AS start, value
        FROM facts FINAL WHERE fact = 'counter_states'
        """,
        """
        CREATE VIEW counter_increments AS SELECT metric, endpoint, label, kind, time AS bucket, increment, id, parts
        FROM facts FINAL WHERE fact = 'counter_increments'
        """,
        """
        CREATE VIEW model_references AS SELECT endpoint, model, body FROM facts FINAL WHERE fact = 'model_references'
        """,
    ),
    (
        """
        ALTER TABLE facts
            ADD COLUMN lost Bool,
            ADD COLUMN row_index Int64,
            ADD COLUMN predicted_at Nullable(Int64),
            ADD COLUMN tolerance Int64,
            ADD COLUMN truth Nullable(Float64),
            ADD COLUMN class LowCardinality(Nullable(String)),
            ADD COLUMN reward Nullable(Float64),
            ADD COLUMN labelled_at Int64,
            ADD COLUMN source LowCardinality(String)
        """,
        """
        CREATE VIEW feedback AS SELECT time, endpoint, id AS subject, model AS place, lost, row_index, entity, predicted_at, tolerance,
        truth AS label, class, reward, labelled_at, revision, source
        FROM facts FINAL WHERE fact = 'feedback'
        """,
    ),
    (
        """
        CREATE VIEW forgotten AS SELECT time, endpoint, id AS subject FROM facts FINAL WHERE fact = 'forgotten'
        """,
    ),
)
