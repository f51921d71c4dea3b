use std::collections::BTreeMap;

use crate::both::{Fresh, Sqlite, Table, all};

/// Name → what the database says of it, in a form that both have.
type Described = BTreeMap<String, String>;

fn described(rows: Table) -> Described {
    let mut all = Described::new();
    for row in rows {
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        let name = row.next().expect("a name");
        let entry = all.entry(name).or_default();
        entry.push_str(&row.collect::<Vec<_>>().join(" "));
        entry.push('\n');
    }
    all
}

const SQLITE_COLUMNS: &str = "SELECT m.name, c.name, CASE c.type WHEN 'INTEGER' THEN 'bigint' ELSE lower(c.type) END,
        CASE WHEN c.[notnull] = 1 OR c.pk > 0 THEN 'NOT NULL' END, replace(c.dflt_value, '''', ''), c.pk
    FROM sqlite_schema m, pragma_table_xinfo(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'
    ORDER BY 1, 2";

const POSTGRES_COLUMNS: &str = "SELECT c.relname, a.attname, format_type(a.atttypid, NULL),
        CASE WHEN a.attnotnull THEN 'NOT NULL' END, replace(replace(pg_get_expr(d.adbin, d.adrelid), '::text', ''), '''', ''),
        COALESCE(array_position(i.indkey::int[], a.attnum::int) + 1, 0)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' ORDER BY 1, 2";

#[tokio::test]
async fn tables_have_the_same_columns_types_defaults_and_primary_keys() {
    let sqlite = described(Sqlite::migrated().await.all(SQLITE_COLUMNS).await);
    let postgres = Fresh::migrated().await.connect().await;
    let postgres = described(all(&postgres, POSTGRES_COLUMNS).await);
    assert!(sqlite.len() >= 20, "{} tables", sqlite.len());
    assert_eq!(postgres, sqlite);
}

#[tokio::test]
async fn text_is_compared_as_bytes_in_every_column() {
    let postgres = Fresh::migrated().await.connect().await;
    let other = "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'migrations'
          AND a.attcollation NOT IN (0, '\"C\"'::regcollation)";
    assert_eq!(all(&postgres, other).await, Table::new());
}

#[tokio::test]
async fn tables_refer_to_each_other_and_are_unique_alike() {
    let sqlite = Sqlite::migrated().await;
    let postgres = Fresh::migrated().await.connect().await;
    let references = described(
        sqlite
            .all(
                "SELECT m.name, f.[from], f.[table], f.[to] FROM sqlite_schema m, pragma_foreign_key_list(m.name) f
                 WHERE m.type = 'table' ORDER BY 1, 2",
            )
            .await,
    );
    assert!(!references.is_empty());
    let same = described(
        all(
            &postgres,
            "SELECT c.conrelid::regclass, a.attname, c.confrelid::regclass, b.attname FROM pg_constraint c
                JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
                JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = c.confkey[1]
             WHERE c.contype = 'f' ORDER BY 1::text, 2",
        )
        .await,
    );
    assert_eq!(same, references);
    let unique = described(
        sqlite
            .all(
                "SELECT m.name, (SELECT group_concat(c.name) FROM pragma_index_info(i.name) c)
                 FROM sqlite_schema m, pragma_index_list(m.name) i WHERE m.type = 'table' AND i.origin = 'u' ORDER BY 1, 2",
            )
            .await,
    );
    let same = described(
        all(
            &postgres,
            "SELECT c.conrelid::regclass, (SELECT string_agg(a.attname, ',' ORDER BY k.place)
                FROM unnest(c.conkey) WITH ORDINALITY AS k (number, place)
                    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number)
             FROM pg_constraint c WHERE c.contype = 'u' AND c.connamespace = 'public'::regnamespace ORDER BY 1::text, 2",
        )
        .await,
    );
    assert_eq!(same, unique);
}

/// A definition without what the dialects write differently.
fn plain(rows: Table) -> Described {
    let mut all = described(rows);
    for definition in all.values_mut() {
        let from = definition.find(" ON ").map_or(0, |at| at + 4);
        *definition = definition[from..]
            .to_lowercase()
            .replace("public.", "")
            .replace("using btree", "")
            .replace("::text", "")
            .replace("'9223372036854775807'::bigint", "9223372036854775807")
            .replace([' ', '(', ')', '"', '\n'], "");
    }
    all
}

#[tokio::test]
async fn indexes_are_the_same() {
    let sqlite =
        "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1";
    let sqlite = plain(Sqlite::migrated().await.all(sqlite).await);
    let postgres = Fresh::migrated().await.connect().await;
    let indexes = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
        AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conname = indexname)
        AND indexname <> 'changes_unpositioned' -- no change lacks its position on SQLite
        ORDER BY 1";
    let postgres = plain(all(&postgres, indexes).await);
    assert!(sqlite.len() >= 15, "{} indexes", sqlite.len());
    assert_eq!(postgres, sqlite);
}

#[tokio::test]
async fn views_have_the_same_columns() {
    let sqlite = "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_xinfo(m.name) c
        WHERE m.type = 'view' ORDER BY m.name, c.cid";
    let sqlite = described(Sqlite::migrated().await.all(sqlite).await);
    let postgres = Fresh::migrated().await.connect().await;
    let columns = "SELECT c.table_name, c.column_name FROM information_schema.columns c
        JOIN information_schema.views v USING (table_schema, table_name)
        WHERE c.table_schema = 'public' ORDER BY c.table_name, c.ordinal_position";
    assert_eq!(described(all(&postgres, columns).await), sqlite);
}
